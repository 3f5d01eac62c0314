"""Ask a machine for all its host keys, before anything else is said to it."""

from __future__ import annotations

import asyncio

import asyncssh
from asyncssh import SSHClientConnection

from mip_salt.errors import Unreachable
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.reach import CLOSED, first_words, unreachable
from mip_salt.ssh.target import Target

__all__ = ["Target", "scan"]

ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")
RETRY_PAUSE = 1.0
# Of the time: to look at what it says, if it does not say that it is an SSH server.
GREETING_SHARE = 0.15


def host_key(key: asyncssh.SSHKey) -> HostKey:
    """Return asyncssh's key in OpenSSH's words."""
    kind, blob = key.export_public_key().decode("ascii").split()[:2]
    return HostKey(kind, blob)


async def scan(target: Target, via: SSHClientConnection | None = None, timeout: float = 20.0) -> list[HostKey]:
    """Return every host key that a machine offers: Ed25519, ECDSA P-256, RSA, as far as it has them.

    Nothing is sent but handshakes; no user's name, no secret. All three run side by side (0.03 s, measured).

    via
        A login to the bastion, if the machine is behind one.
    timeout
        Seconds for all of it.

    Raises Unreachable, which tells why.
    """
    tries = [asyncio.ensure_future(_offered(target, name, via)) for name in ALGORITHMS]
    try:
        await asyncio.wait(tries, timeout=timeout * (1 - GREETING_SHARE))
    finally:
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
    failed: list[BaseException] = []
    keys = []
    for task in tries:
        err = asyncio.TimeoutError() if task.cancelled() else task.exception()
        if err is not None:
            failed.append(err)
        elif found := task.result():
            keys.append(found)
    if keys:
        return keys
    if not failed:
        raise Unreachable(
            f"{target.where} offers no Ed25519, ECDSA P-256 or RSA host key",
            node=target.id,
            hint="Have its administrator make one: ssh-keygen -A, then restart sshd.",
        )
    known = (OSError, asyncio.TimeoutError, asyncssh.Error)
    odd = next((err for err in failed if not isinstance(err, known)), None)
    if odd is not None:
        raise odd
    silent = isinstance(failed[0], (*CLOSED, asyncio.TimeoutError, asyncssh.ProtocolError))
    raise (await first_words(target, via, timeout * GREETING_SHARE) if silent else None) or unreachable(
        target, failed[0], bastion=via is not None
    )


async def _offered(target: Target, algorithm: str, via: SSHClientConnection | None) -> HostKey | None:
    """Return the host key of one algorithm; None if the machine has none.

    A connection that is closed without a word is tried once more: sshd drops logins at random when many come at once.
    """
    try:
        return await _handshake(target, algorithm, via)
    except CLOSED:
        await asyncio.sleep(RETRY_PAUSE)
        return await _handshake(target, algorithm, via)


async def _handshake(target: Target, algorithm: str, via: SSHClientConnection | None) -> HostKey | None:
    options = asyncssh.SSHClientConnectionOptions(config=None, client_keys=None, agent_path=None)
    try:
        key = await asyncssh.get_server_host_key(
            target.address,
            target.port,
            tunnel=via,
            proxy_command=None,
            server_host_key_algs=[algorithm],
            config=None,
            options=options,
        )
    except asyncssh.KeyExchangeFailed as err:
        if "host key" in err.reason:
            return None
        raise
    return host_key(key) if key else None

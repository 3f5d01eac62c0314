"""Log in to a machine whose host keys are confirmed: one connection, one kind of secret, one attempt."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress

import asyncssh
from asyncssh import SSHAgentClient, SSHClientConnection, SSHClientConnectionOptions

from mip_salt.errors import LoginRefused, MipError, UsageError
from mip_salt.ssh.asker import Asker
from mip_salt.ssh.channel import run
from mip_salt.ssh.facts import shell_command
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.install import CHANGED, INSTALL, RESTRICT_BASTION, key_line
from mip_salt.ssh.reach import CLOSED, first_words, unreachable
from mip_salt.ssh.refusal import another_key, refused
from mip_salt.ssh.target import Target

LOCKED = "the federation's ssh-agent {}: the vault is locked"
PASSWORD, KEY = ("password", "keyboard-interactive"), "publickey"
GREETING_SECONDS = 3.0
# A machine that is there takes a connection at once; what sshd then does may take a while (DNS, PAM, a busy machine).
CONNECT_SECONDS = 10.0
UNLOCK = "mip-salt vault unlock"


def check_password(target: Target, password: str) -> str:
    """Return a password, or raise UsageError for an empty one, a newline or a NUL: PAM takes none of them."""
    if not password or any(c in password for c in "\n\r\0"):
        raise UsageError(
            "a password is not empty and has no newline and no NUL",
            node=target.id,
            hint="Nothing was sent. Give the password as it is typed at a login.",
        )
    return password


async def login(
    target: Target,
    keys: Sequence[HostKey],
    *,
    password: str | None = None,
    agent_path: str | None = None,
    operator: bool = False,
    via: SSHClientConnection | None = None,
    timeout: float = 40.0,
) -> SSHClientConnection:
    """Log in with exactly one kind of secret; the caller aborts the connection.

    keys
        The confirmed host keys; no other is accepted, no file of the operator's is read.
    password
        The user's password, sent at most once, by ``password`` or ``keyboard-interactive``.
    agent_path
        Socket of the federation's ssh-agent; only its keys are offered.
    operator
        Offer the operator's own keys: SSH_AUTH_SOCK and the default files.
    via
        A login to the bastion, if the machine is behind one.
    timeout
        Seconds for all of it; a machine that does not even take the connection is given 10.

    Raises TrustRefused for another host key, before anything is sent; LoginRefused, which tells why; KeyRefused for
    a key that is not taken; Unreachable.
    """
    if (password is not None) + (agent_path is not None) + operator != 1:
        raise TypeError("a login takes exactly one of password, agent_path and operator")
    agent: SSHAgentClient | None = None
    asker = Asker()
    try:
        if password is not None:
            asker = Asker(check_password(target, password))
        elif agent_path is not None:
            agent = await _agent(agent_path)
            asker = Asker(keys=await _agent_keys(agent))
        options = _options(
            target, keys, asker, "password" if password is not None else "operator" if operator else "agent"
        )
        connecting = asyncssh.connect(target.address, target.port, tunnel=via, config=None, options=options)
        return await _in_time(connecting, asker, timeout)
    except MipError as err:
        err.node = target.id
        raise
    except asyncssh.HostKeyNotVerifiable:
        raise another_key(target) from None
    except asyncssh.KeyExchangeFailed as err:
        # Only algorithms of the confirmed keys are offered, so a machine without them is another one.
        raise (another_key(target) if "host key" in err.reason else unreachable(target, err, via is not None)) from None
    except (OSError, asyncio.TimeoutError, asyncssh.Error) as err:
        if not asker.trusted or isinstance(err, OSError | asyncio.TimeoutError):
            shut_out = isinstance(err, CLOSED) and await first_words(target, via, GREETING_SECONDS)
            raise shut_out or unreachable(target, err, bastion=via is not None) from None
        raise refused(target, err, asker, password is not None, agent_path, via is not None) from None
    finally:
        if agent is not None:
            agent.close()


async def _in_time(connecting: Awaitable[SSHClientConnection], asker: Asker, timeout: float) -> SSHClientConnection:
    task = asyncio.ensure_future(connecting)
    try:
        await asyncio.wait({task}, timeout=min(CONNECT_SECONDS, timeout))
        if not task.done() and not asker.connected:
            raise asyncio.TimeoutError
        return await asyncio.wait_for(task, max(timeout - CONNECT_SECONDS, 0))
    finally:
        task.cancel()


@asynccontextmanager
async def session(
    target: Target,
    keys: Sequence[HostKey],
    *,
    password: str | None = None,
    agent_path: str | None = None,
    operator: bool = False,
    via: SSHClientConnection | None = None,
) -> AsyncIterator[SSHClientConnection]:
    """Log in as :func:`login` does, and drop the connection at the end, whatever the end is."""
    conn = await login(target, keys, password=password, agent_path=agent_path, operator=operator, via=via)
    try:
        yield conn
    finally:
        conn.abort()


def _options(target: Target, keys: Sequence[HostKey], asker: Asker, kind: str) -> SSHClientConnectionOptions:
    pinned = [asyncssh.import_public_key(f"{key.kind} {key.blob}") for key in keys]
    return SSHClientConnectionOptions(
        config=None,
        username=target.user,
        known_hosts=(pinned, [], []),
        client_factory=lambda: asker,
        # None: no file and no agent of the operator's; our agent's keys come from the asker.
        client_keys=() if kind == "operator" else None,
        agent_path=os.environ.get("SSH_AUTH_SOCK") if kind == "operator" else None,
        agent_forwarding=False,
        gss_host=None,
        host_based_auth=False,
        preferred_auth=[*PASSWORD, KEY] if kind == "password" else [KEY, *PASSWORD],
        # A server that lets anybody in proves nothing about the secret.
        disable_trivial_auth=True,
        x509_trusted_certs=None,
        x509_trusted_cert_paths=[],
        login_timeout=0,
    )


async def _agent(path: str) -> SSHAgentClient:
    try:
        return await asyncssh.connect_agent(path)
    except OSError:
        raise LoginRefused(LOCKED.format("does not answer"), hint=UNLOCK) from None


async def _agent_keys(agent: SSHAgentClient) -> Sequence[asyncssh.SSHKeyPair]:
    with suppress(ValueError):
        keys = await agent.get_keys()
        if keys:
            return keys
    raise LoginRefused(LOCKED.format("holds no identity"), hint=UNLOCK)


@asynccontextmanager
async def tunnel(target: Target, keys: Sequence[HostKey], *, agent_path: str) -> AsyncIterator[SSHClientConnection]:
    """Log in to a bastion with the identity, and give the connection to reach others through.

    A node's line in authorized_keys forbids forwarding until the node is used as a bastion: then it is allowed here,
    once, and the login repeated, because sshd reads the line at the login only.

    keys
        The bastion's pinned host keys.

    Raises what login raises.
    """
    async with session(target, keys, agent_path=agent_path) as conn:
        line = key_line(await _identity(agent_path), RESTRICT_BASTION)
        said = await run(conn, target.id, shell_command(INSTALL), line)
        if CHANGED not in said.split(b"\n"):
            yield conn
            return
    async with session(target, keys, agent_path=agent_path) as conn:
        yield conn


async def _identity(agent_path: str) -> str:
    """Return the public half of the identity in the federation's agent."""
    agent = await _agent(agent_path)
    try:
        key = (await _agent_keys(agent))[0]
        return f"{key.algorithm.decode()} {b64encode(key.public_data).decode()} {key.get_comment()}"
    finally:
        agent.close()

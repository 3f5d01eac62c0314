"""Why a machine could not be reached, told apart and in words."""

from __future__ import annotations

import asyncio
import errno
import socket

import asyncssh

from mip_salt.errors import Unreachable
from mip_salt.printable import printable
from mip_salt.ssh import reach_words as words
from mip_salt.ssh.target import Target

NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
CLOSED = (asyncssh.ConnectionLost, ConnectionResetError, BrokenPipeError, ConnectionAbortedError)


def unreachable(target: Target, err: BaseException, bastion: bool = False) -> Unreachable:
    """Return the error for a machine that could not be spoken to, by what the attempt raised.

    bastion
        Whether the attempt went through another node.
    """
    why, hint = _reason(err)
    via = " through its bastion" if bastion else ""
    return Unreachable(
        f"{target.where} is not reachable{via}: {why}",
        node=target.id,
        hint=hint,
        command="" if bastion else target.ssh_command(),
    )


def _reason(err: BaseException) -> tuple[str, str]:
    text = str(err).lower()
    if isinstance(err, asyncssh.ChannelOpenError):
        if err.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            return words.NO_FORWARD, words.ALLOW_FORWARD
        for word, why, hint in (
            ("refused", words.REFUSED, words.PORT),
            ("resol", words.UNRESOLVED, words.CHECK_NAME),
            ("not known", words.UNRESOLVED, words.CHECK_NAME),
            ("route", words.NO_ROUTE, words.NETWORK),
            ("timed out", words.SILENT, words.FIREWALL),
        ):
            if word in text:
                return why, hint
        return f"the bastion says {printable(err.reason)!r}", words.NETWORK
    if isinstance(err, socket.gaierror):
        return words.UNRESOLVED, words.CHECK_NAME
    if isinstance(err, ConnectionRefusedError) or ("refused" in text and isinstance(err, OSError)):
        return words.REFUSED, words.PORT
    if isinstance(err, OSError) and err.errno in NO_ROUTE:
        return words.NO_ROUTE, words.NETWORK
    if isinstance(err, CLOSED):
        return words.DROPPED, words.TOO_MANY
    if isinstance(err, asyncio.TimeoutError | TimeoutError):
        return words.SILENT, words.FIREWALL
    if isinstance(err, asyncssh.KeyExchangeFailed):
        return f"no algorithm in common: {printable(err.reason)}", "Its sshd is too old or too narrowly configured."
    if isinstance(err, asyncssh.ProtocolError | asyncssh.ProtocolNotSupported):
        return f"{words.NOT_SSH} ({printable(err.reason)})", words.PORT
    return printable(getattr(err, "strerror", None) or err or type(err).__name__), words.NETWORK


async def first_words(target: Target, via: asyncssh.SSHClientConnection | None, seconds: float) -> Unreachable | None:
    """Return why a server hangs up, by the first line it says; None if it does not tell.

    Either it is no SSH server, or one that shuts this machine out (measured, OpenSSH 10.0: 15 s or more).
    Only an SSH version line is sent, for servers that wait to be spoken to.
    """
    try:
        said = await asyncio.wait_for(_greeting(target, via), seconds)
    except (OSError, asyncio.TimeoutError, asyncssh.Error):
        return None
    if said.startswith(b"Not allowed at this time"):
        return Unreachable(f"{target.where} is not reachable: {words.SHUT_OUT}", node=target.id, hint=words.PENALTIES)
    if not said or said.startswith((b"SSH-", b"Exceeded MaxStartups")):
        return None
    return Unreachable(
        f"{target.where} is not an SSH server: it says {printable(said.splitlines()[0] or said, 60)!r}",
        node=target.id,
        hint=words.PORT,
    )


async def _greeting(target: Target, via: asyncssh.SSHClientConnection | None) -> bytes:
    if via is not None:
        reader, writer = await via.open_connection(target.address, target.port, encoding=None)
        writer.write(b"SSH-2.0-mip-salt\r\n")
        try:
            return bytes(await reader.read(256))
        finally:
            writer.close()
    plain, out = await asyncio.open_connection(target.address, target.port)
    out.write(b"SSH-2.0-mip-salt\r\n")
    try:
        return await plain.read(256)
    finally:
        out.close()

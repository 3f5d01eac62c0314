"""Run one fixed command over a login; whatever the node does, it ends."""

from __future__ import annotations

import asyncio
import re

import asyncssh
from asyncssh import SSHClientConnection

from mip_salt.errors import LoginRefused, NodeFailed, Unreachable
from mip_salt.printable import printable

MAX_BYTES = 64 * 1024
EXPIRED = re.compile(rb"password has expired|must change your password|required to change your password", re.I)
NO_SHELL = re.compile(rb"account is currently not available|This account is (?:locked|disabled)", re.I)


async def run(
    conn: SSHClientConnection,
    node: str,
    command: str,
    stdin: bytes = b"",
    timeout: float = 40.0,
) -> bytes:
    """Return what a command prints, its stderr included.

    node
        Id of the node, for the errors.
    stdin
        All that the command may read; it may be a secret, and is in no error.
    timeout
        Seconds for the whole talk.

    Raises Unreachable if more than 64 KiB come, or no end of them in time; NodeFailed, with the node's text made
    inert, if the command fails; LoginRefused if the account lets nobody run anything.
    """
    try:
        said, status = await asyncio.wait_for(_talk(conn, node, command, stdin), timeout)
    except (asyncio.TimeoutError, TimeoutError):
        raise Unreachable(
            f"no end of its answer in {timeout:g} s; gave up", node=node, hint="Log in by hand and see what keeps it."
        ) from None
    except (OSError, asyncssh.Error) as err:
        raise Unreachable(
            f"the connection broke: {printable(str(err) or type(err).__name__)}",
            node=node,
            hint="Look at the network and at the node's sshd (journalctl -u ssh); then run it again.",
        ) from None
    if status == 0:
        return said
    if EXPIRED.search(said):
        raise LoginRefused(
            "its user's password has expired, and until it is changed the node lets that user do nothing",
            node=node,
            hint="Log in by hand once and change it, or have the administrator do so: chage -d today USER",
        )
    if NO_SHELL.search(said):
        raise LoginRefused(
            f"its user may not run commands: {printable(said)}",
            node=node,
            hint="Have the administrator give it a shell: usermod -s /bin/bash USER",
        )
    # The last line says why; what comes before it is mostly the start-up files' noise.
    last = next((line for line in reversed(said.split(b"\n")) if line.strip()), b"")
    ended = "was cut off" if status is None else f"failed ({status})"
    raise NodeFailed(
        f"the command {ended}: {printable(last) or 'without a word'}",
        node=node,
        hint="Log in by hand as that user and see whether its shell and disk are sound.",
    )


async def _talk(conn: SSHClientConnection, node: str, command: str, stdin: bytes) -> tuple[bytes, int | None]:
    process = await conn.create_process(command, encoding=None, stderr=asyncssh.STDOUT, request_pty=False)
    try:
        try:
            process.stdin.write(stdin)
            process.stdin.write_eof()
        except OSError:
            pass  # it ended without reading; its exit status says how
        said = bytearray()
        while chunk := await process.stdout.read(8192):
            said += chunk
            if len(said) > MAX_BYTES:
                raise Unreachable(
                    f"sent more than {MAX_BYTES} bytes; gave up",
                    node=node,
                    hint="Log in by hand and see what it prints.",
                )
        await process.wait_closed()
        return bytes(said), process.returncode
    finally:
        process.close()

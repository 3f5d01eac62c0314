"""Talk with a program on a node, over the system's ssh; it has the connection's life, and not a moment more."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from mip_salt.errors import MipError, NodeFailed, Unreachable
from mip_salt.federation.ssh_options import ssh_environment
from mip_salt.ssh.openssh import ssh_call
from mip_salt.ssh.tried import SSH_FAILED, Tried, no_ssh
from mip_salt.ssh.verdict import verdict

MAX_LINE = 64 * 1024
MAX_BYTES = 4 * 1024 * 1024
# Seconds that ssh may take to end once the program's stdin is closed; then it is killed.
GRACE = 3.0


class Dialogue:
    """One program on one node: what it is told, and the lines that it says.

    tried
        The node, and what reproduces a failure.
    """

    def __init__(self, tried: Tried, process: Process) -> None:
        self.tried, self._process = tried, process
        self._in = cast(asyncio.StreamWriter, process.stdin)
        self._out, self._err = cast(asyncio.StreamReader, process.stdout), cast(asyncio.StreamReader, process.stderr)
        self._errors = asyncio.ensure_future(self._stderr())

    @classmethod
    async def begin(cls, tried: Tried, script: str, *, agent: Path | None = None, more: Sequence[str] = ()) -> Dialogue:
        """Start a script on a node by the system's ssh, with the roster's options and the identity.

        agent
            Socket of the ssh-agent that holds the identity, if it is another than the federation's.
        more
            Arguments of ssh that go before the roster's.

        Raises Damaged if there is no ssh on this machine.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *ssh_call(tried, script, agent, more),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=ssh_environment(),
                cwd="/",
                limit=MAX_LINE,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise no_ssh(tried.name) from None
        return cls(tried, process)

    async def say(self, data: bytes) -> None:
        """Give the program data; one that has ended is found out by whoever reads its lines."""
        with suppress(ConnectionError):
            self._in.write(data)
            await self._in.drain()

    async def lines(self, most: float = MAX_BYTES) -> AsyncIterator[bytes]:
        """Yield its lines, without their ends.

        most
            Bytes of all of them.

        Raises Unreachable, LoginRefused or TrustRefused as ssh ends, NodeFailed if it says too much.
        """
        count = 0
        try:
            while line := await self._out.readline():
                count += len(line)
                if count > most:
                    raise ValueError
                yield line.rstrip(b"\n")
        except ValueError:  # of readline's too
            raise NodeFailed(
                f"said more than {most:.0f} bytes, or a line of more than {MAX_LINE}; gave up",
                node=self.tried.name,
                hint="See by hand what it prints.",
                command=self.tried.command,
            ) from None
        raise await self._ended()

    async def _ended(self) -> MipError:
        status, said = await self._process.wait(), await self._errors
        if status == 0:
            return Unreachable(
                "the connection ended before its time",
                node=self.tried.name,
                hint="Run it again; if it happens again, look at the node's sshd (journalctl -u ssh).",
                command=self.tried.command,
            )
        return verdict(self.tried, said, SSH_FAILED if status < 0 else status)

    async def _stderr(self) -> bytes:
        said = b""
        while chunk := await self._err.read(8192):
            said = (said + chunk)[-MAX_LINE:]
        return said

    def kill(self) -> None:
        """Kill ssh, with a bastion's."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Close the program's stdin, at which it ends; kill ssh, with a bastion's, if it does not follow."""
        self._in.close()
        try:
            await asyncio.wait_for(self._rest(), GRACE)
        except asyncio.TimeoutError:
            self.kill()
            await self._rest()

    async def _rest(self) -> None:
        while await self._out.read(65536):
            pass
        # A loop that ends early has cancelled the reader of its errors; the process is waited for all the same.
        await asyncio.gather(self._errors, self._process.wait(), return_exceptions=True)

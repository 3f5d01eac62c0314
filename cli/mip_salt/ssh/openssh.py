"""Look at a node by the system's ssh with the roster's options: as raw salt-ssh will reach it, and as `status` does."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from contextlib import suppress

from mip_salt.errors import Damaged, MipError, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.ssh_options import destination, ssh_arguments
from mip_salt.ssh.facts import FACTS, Facts, parse_facts, shell_command
from mip_salt.ssh.verdict import Seen, verdict

MAX_BYTES = 64 * 1024
SSH_FAILED = 255


async def check(folder: Folder, federation: Federation, name: str, timeout: float) -> Facts:
    """Return what a node says of itself, asked by the system's ssh with the roster's options and the identity.

    timeout
        Seconds for all of it; then ssh and whatever it started are killed.

    Raises TrustRefused, LoginRefused, Unreachable or NodeFailed with the command that reproduces it; Damaged if
    there is no ssh on this machine. Whether the facts are those of the confirmed machine, same_machine tells.
    """
    node = federation.nodes[name]
    # A node's banner goes to stderr at a lower level, and could pass for a message of ssh's.
    call = ["ssh", "-o", "LogLevel=ERROR", *ssh_arguments(folder, federation, name), destination(node)]
    command = f"cd {shlex.quote(str(folder.path))} && salt-ssh -r {name} 'uname -n'"
    try:
        status, out, err = await _bounded([*call, shell_command(FACTS)], timeout)
    except FileNotFoundError:
        raise Damaged(
            "there is no ssh on this machine", hint="Install it: apt-get install openssh-client", node=name
        ) from None
    except asyncio.TimeoutError:
        raise Unreachable(
            f"no end of its answer in {timeout:g} s; gave up",
            node=name,
            hint="See by hand what keeps it.",
            command=command,
        ) from None
    except _TooMuchError:
        raise Unreachable(
            f"sent more than {MAX_BYTES} bytes; gave up", node=name, hint="See by hand what it prints.", command=command
        ) from None
    if status == SSH_FAILED:
        raise verdict(Seen(folder, federation, name, command), err)
    try:
        if status:
            raise verdict(Seen(folder, federation, name, command), out + err, status)
        return parse_facts(out, name)
    except MipError as error:
        error.command = error.command or command
        raise


def same_machine(name: str, node: Node, facts: Facts, *, federation: str = "FEDERATION") -> None:
    """Raise TrustRefused, showing both, unless a node is the machine that the operator confirmed.

    name
        The node's id.
    node
        The node as recorded; what was never recorded is not compared.
    federation
        Name of the federation, for the hint.
    """
    pairs = (("machine-id", node.machine_id, facts.machine_id), ("hostname", node.hostname, facts.hostname))
    wrong = [(what, was, now) for what, was, now in pairs if was and was != now]
    if wrong:
        shown = "\n".join(f"  {what}: confirmed {was}, now {now}" for what, was, now in wrong)
        raise TrustRefused(
            f"it is not the confirmed machine\n{shown}",
            node=name,
            hint="It has the confirmed host key, so it was renamed, reinstalled with its old key, or cloned. Ask its "
            f"administrator. Only if it is meant: mip-salt -f {federation} node trust {name} --host-key SHA256:…",
        )


class _TooMuchError(Exception):
    """More came than is read."""


async def _bounded(call: list[str], timeout: float) -> tuple[int, bytes, bytes]:
    """Run a program in a process group of its own; return status, stdout and stderr.

    Raises asyncio.TimeoutError, or _TooMuchError; the whole group is then dead.
    """
    unwanted = ("SSH_ASKPASS", "SSH_AUTH_SOCK", "DISPLAY")
    process = await asyncio.create_subprocess_exec(
        *call,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key not in unwanted},
        start_new_session=True,
    )
    streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
    readers = [asyncio.ensure_future(_some(stream)) for stream in streams]

    async def end() -> tuple[int, bytes, bytes]:
        out, err = await asyncio.gather(*readers)
        return await process.wait(), out, err

    try:
        return await asyncio.wait_for(end(), timeout)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the group also holds a bastion's ssh
        # asyncio waits for a process only once its pipes are read to the end (measured, Python 3.11).
        await asyncio.gather(*map(_rest, streams), process.wait())


async def _some(stream: asyncio.StreamReader) -> bytes:
    """Read to the end; raise _TooMuchError if there is more than is allowed."""
    said = b""
    while chunk := await stream.read(8192):
        said += chunk
        if len(said) > MAX_BYTES:
            raise _TooMuchError
    return said


async def _rest(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass

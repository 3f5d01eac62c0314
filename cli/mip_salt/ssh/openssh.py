"""Look at a node by the system's ssh with the roster's options: as raw salt-ssh will reach it, and as `status` does."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mip_salt.errors import Damaged, MipError, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.ssh_options import destination, ssh_arguments
from mip_salt.ssh.facts import FACTS, Facts, parse_facts, shell_command
from mip_salt.ssh.health import CLOCK, Health, health_script, parse_health, split
from mip_salt.ssh.verdict import Seen, verdict

MAX_BYTES = 64 * 1024
SSH_FAILED = 255


@dataclass(frozen=True)
class Answer:
    """What a node said to a script.

    out
        All of its stdout.
    arrivals
        How many bytes of it had come, and when, in seconds since 1970 by this machine's clock.
    """

    out: bytes
    arrivals: list[tuple[int, float]]

    def when(self, marker: bytes) -> float | None:
        """Return when a marker had come, in seconds since 1970; None if it never came."""
        end = self.out.find(marker) + len(marker)
        return next((when for count, when in self.arrivals if count >= end), None) if marker in self.out else None


@dataclass(frozen=True)
class Look:
    """What a node says of itself and of how it fares.

    skew
        Seconds by which its clock is ahead of this machine's, right to the time that a packet takes; None if unknown.
    """

    facts: Facts
    health: Health
    skew: float | None


async def check(
    folder: Folder, federation: Federation, name: str, timeout: float, *, agent: Path | None = None
) -> Facts:
    """Return what a node says of itself; as `look` does, and nothing else is asked."""
    seen = _seen(folder, federation, name)
    with _reproduced(seen):
        return parse_facts((await _ask(seen, FACTS, timeout, agent)).out, name)


async def look(
    folder: Folder,
    federation: Federation,
    name: str,
    timeout: float,
    *,
    paths: Sequence[str],
    agent: Path | None = None,
) -> Look:
    """Return what a node says of itself and how it fares, by the system's ssh, the roster's options and the identity.

    timeout
        Seconds for all of it; then ssh and whatever it started are killed.
    paths
        Absolute paths whose file systems are measured.
    agent
        Socket of the ssh-agent that holds the identity, if it is another than the federation's.

    Raises TrustRefused, LoginRefused, Unreachable or NodeFailed with the command that reproduces it; Damaged if
    there is no ssh on this machine. Whether the facts are those of the confirmed machine, same_machine tells.
    """
    seen = _seen(folder, federation, name)
    with _reproduced(seen):
        answer = await _ask(seen, health_script(paths), timeout, agent)
        facts, health = parse_facts(split(answer.out)[0], name), parse_health(answer.out, paths)
    came = answer.when(CLOCK.encode())
    return Look(facts, health, None if health.clock is None or came is None else health.clock - came)


def _seen(folder: Folder, federation: Federation, name: str) -> Seen:
    return Seen(folder, federation, name, f"cd {shlex.quote(str(folder.path))} && salt-ssh -r {name} 'uname -n'")


@contextmanager
def _reproduced(seen: Seen) -> Iterator[None]:
    """Give an error the command that reproduces it."""
    try:
        yield
    except MipError as error:
        error.command = error.command or seen.command
        raise


async def _ask(seen: Seen, script: str, timeout: float, agent: Path | None = None) -> Answer:
    folder, federation, name = seen.folder, seen.federation, seen.name
    # A node's banner goes to stderr at a lower level, and could pass for a message of ssh's.
    call = ["ssh", "-o", "LogLevel=ERROR", *ssh_arguments(folder, federation, name, agent=agent)]
    call.append(destination(federation.nodes[name]))
    arrivals: list[tuple[int, float]] = []
    try:
        status, out, err = await _bounded([*call, shell_command(script)], timeout, arrivals)
    except FileNotFoundError:
        raise Damaged(
            "there is no ssh on this machine", hint="Install it: apt-get install openssh-client", node=name
        ) from None
    except asyncio.TimeoutError:
        raise Unreachable(
            f"no end of its answer in {timeout:g} s; gave up", node=name, hint="See by hand what keeps it."
        ) from None
    except _TooMuchError:
        raise Unreachable(
            f"sent more than {MAX_BYTES} bytes; gave up", node=name, hint="See by hand what it prints."
        ) from None
    if status == SSH_FAILED:
        raise verdict(seen, err)
    if status:
        raise verdict(seen, out + err, status)
    return Answer(out, arrivals)


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
        trust = f"mip-salt -f {federation} node trust {name} --host-key SHA256:…"
        follow = f"mip-salt -f {federation} node rename {name} {facts.hostname}"
        renamed = [what for what, _, _ in wrong] == ["hostname"]
        may_follow = renamed and "." not in facts.hostname
        raise TrustRefused(
            f"it is not the confirmed machine\n{shown}",
            node=name,
            hint="It has the confirmed host key"
            + (
                " and machine-id, so it was renamed"
                if renamed
                else ", so it was reinstalled with its old key, or cloned"
            )
            + f". Ask its administrator. Only if it is meant:\n  {follow if may_follow else trust}",
        )


class _TooMuchError(Exception):
    """More came than is read."""


async def _bounded(call: list[str], timeout: float, arrivals: list[tuple[int, float]]) -> tuple[int, bytes, bytes]:
    """Run a program in a process group of its own; return status, stdout and stderr.

    arrivals
        Filled in with how many bytes of stdout had come, and when.

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
    readers = [
        asyncio.ensure_future(_some(stream, noted)) for stream, noted in zip(streams, (arrivals, []), strict=True)
    ]

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


async def _some(stream: asyncio.StreamReader, arrivals: list[tuple[int, float]]) -> bytes:
    """Read to the end, noting when; raise _TooMuchError if there is more than is allowed."""
    said = b""
    while chunk := await stream.read(8192):
        said += chunk
        arrivals.append((len(said), time.time()))
        if len(said) > MAX_BYTES:
            raise _TooMuchError
    return said


async def _rest(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass

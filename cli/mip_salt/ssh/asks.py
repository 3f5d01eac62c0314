"""Programs run side by side, each within bounds: so many seconds, so many bytes, and nothing of it left behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from mip_salt.federation.ssh_options import ssh_environment

MAX_BYTES = 64 * 1024
# Why a program did not end by itself: no end in time, more than is read, not a byte in time; or it is not there.
LATE, MUCH, MUTE, MISSING = "late", "much", "mute", "missing"


class Ended(NamedTuple):
    """What became of a program.

    out, err
        All of its stdout and stderr.
    arrivals
        How many bytes of stdout had come, and when, in seconds since 1970 by this machine's clock.
    status
        Its exit code; of one that was ended, it says nothing.
    why
        LATE, MUCH, MUTE or MISSING; empty if it ended by itself.
    """

    out: bytes = b""
    err: bytes = b""
    arrivals: Sequence[tuple[int, float]] = ()
    status: int = 0
    why: str = ""


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    until: float
    first_until: float | None
    said: dict[int, bytearray]
    open: set[int]
    arrivals: list[tuple[int, float]] = field(default_factory=list)

    @property
    def deadline(self) -> float:
        return self.until if self.first_until is None else min(self.until, self.first_until)


class Asks:
    """Programs under way, each with a name.

    Use it in a ``with``: whatever still runs at its end is killed, with all that it started.
    """

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._missing: list[str] = []

    def __len__(self) -> int:
        return len(self._running) + len(self._missing)

    def __enter__(self) -> Asks:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self._end(name)

    def start(self, name: str, call: Sequence[str], seconds: float, *, first: float | None = None) -> None:
        """Start a program in a process group of its own, without stdin.

        seconds
            For all of it; then it is killed.
        first
            Seconds for its first byte of output; then it is killed.
        """
        try:
            process = subprocess.Popen(
                call,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ssh_environment(),
                cwd="/",  # what it leaves behind for others to use holds nobody's folder
                start_new_session=True,
            )
        except FileNotFoundError:
            self._missing.append(name)
            return
        now = time.monotonic()
        pipes = [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe]
        said = {fd: bytearray() for fd in pipes}
        self._running[name] = _Running(process, now + seconds, None if first is None else now + first, said, set(pipes))

    def wait(self, patience: float) -> list[tuple[str, Ended]]:
        """Return the programs that have ended, once there is one, or after so many seconds."""
        until = time.monotonic() + patience
        ended = [(name, Ended(why=MISSING)) for name in self._missing]
        self._missing.clear()
        with selectors.DefaultSelector() as selector:
            for name, one in self._running.items():
                for fd in one.open:
                    selector.register(fd, selectors.EVENT_READ, name)
            while not ended:
                soonest = min([until, *(one.deadline for one in self._running.values())])
                for key, _ in selector.select(max(0.0, soonest - time.monotonic())):
                    if self._read(self._running[key.data], key.fd):
                        selector.unregister(key.fd)
                now = time.monotonic()
                for name, one in list(self._running.items()):
                    why = self._over(one, now)
                    if why is not None:
                        ended.append((name, self._end(name, why)))
                if now >= until:
                    break
        return ended

    def _read(self, one: _Running, fd: int) -> bool:
        """Take in what came; return whether it was the last."""
        chunk = os.read(fd, 8192)
        if not chunk:
            one.open.discard(fd)
            return True
        one.first_until = None
        one.said[fd] += chunk
        if one.process.stdout and fd == one.process.stdout.fileno():
            one.arrivals.append((len(one.said[fd]), time.time()))
        return False

    def _over(self, one: _Running, now: float) -> str | None:
        """Return why a program is done with, empty if it has ended; None if it is not."""
        if any(len(said) > MAX_BYTES for said in one.said.values()):
            return MUCH
        if not one.open:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, one.until - now))
                return ""
        if now >= one.until:
            return LATE
        return MUTE if one.first_until is not None and now >= one.first_until else None

    def _end(self, name: str, why: str = "") -> Ended:
        one = self._running.pop(name)
        if one.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(one.process.pid, signal.SIGKILL)  # the group also holds a bastion's ssh
            one.process.wait()
        out, err = (bytes(said) for said in one.said.values())
        for pipe in (one.process.stdout, one.process.stderr):
            if pipe:
                pipe.close()
        return Ended(out, err, tuple(one.arrivals), one.process.returncode, why)

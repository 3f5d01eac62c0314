"""Run one command and tell what it cost, here and on the nodes."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cgroups import Group, Peak, cpu_of

SECONDS = 900.0
# For so long at most nodes are waited for, which are at rest below so many CPUs, looked at for so long.
SETTLING_SECONDS, AT_REST, LOOK_SECONDS = 20.0, 0.03, 0.3


class NotDone(Exception):
    """A command did not do the work it is measured for; such a figure would be worth nothing."""


@dataclass(frozen=True)
class Call:
    """One command that does a piece of work.

    done
        Given its output; returns what it did not do, empty if all is done.
    before
        Run, unmeasured, first: for first contact it takes from the nodes what the tool left there.
    rehearsed
        Run it once, unmeasured, first, and leave its detached processes: then its connections are there already.
    inner
        Given its output; returns the seconds that count, if not all of them do.
    """

    argv: Sequence[str]
    done: Callable[[str], str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    before: Callable[[], None] = lambda: None
    rehearsed: bool = False
    inner: Callable[[str], float] | None = None


@dataclass(frozen=True)
class Cost:
    """What one run cost.

    wall
        Seconds from its start to its end.
    push, node
        Seconds of CPU of all its processes here, and of all nodes together; None if nobody counted.
    memory
        Bytes of anonymous memory of all its processes here, at the peak.
    """

    wall: float
    push: float | None
    node: float | None
    memory: int


@dataclass(frozen=True)
class Stand:
    """Where runs are measured.

    run
        The group that a command runs in; empty between runs.
    agents
        The group of the vault's agents, whose work for a command counts as the command's.
    nodes
        The cgroup2 groups of the nodes; empty if they are not on this machine.
    """

    run: Group
    agents: Group
    nodes: Sequence[Path]

    def measured(self, call: Call) -> Cost:
        """Run a command and return what it cost.

        Raises NotDone, with the end of what it said, if it did not do its work.
        """
        call.before()
        if call.rehearsed:
            self._run(call)
        self._settle()
        here, there = self._used()
        start = time.monotonic()
        with Peak(self.run) as peak:
            said = self._run(call)
        wall = time.monotonic() - start
        used = self._used()
        self.run.end()
        whole = call.inner is None
        return Cost(
            wall=call.inner(said) if call.inner else wall,
            push=used[0] - here if whole else None,
            node=used[1] - there if whole and self.nodes else None,
            memory=peak.bytes,
        )

    def _settle(self) -> None:
        """Wait until the nodes are at rest: what a tool leaves at work there would count as the next one's."""
        end = time.monotonic() + SETTLING_SECONDS
        while time.monotonic() < end:
            before = self._used()[1]
            time.sleep(LOOK_SECONDS)
            if self._used()[1] - before < AT_REST * LOOK_SECONDS:
                return

    def _used(self) -> tuple[float, float]:
        return self.run.cpu() + self.agents.cpu(), sum(map(cpu_of, self.nodes))

    def _run(self, call: Call) -> str:
        # Into a file: a connection that is kept open would hold a pipe open too.
        with tempfile.TemporaryFile("w+", errors="replace") as told:
            process = subprocess.Popen(
                self.run.entering(list(call.argv)),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                env={**_plain(), **call.env},
                cwd=call.cwd,
            )
            status = _waited(process, SECONDS)
            told.seek(0)
            said = told.read()
        wrong = call.done(said) if status == 0 else "it did not end in time" if status is None else f"exit {status}"
        if wrong:
            self.run.end()
            raise NotDone(f"{wrong}\n{said[-2000:].strip()}")
        return said


def _waited(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Return a process's exit code the moment it ends, or None for one that did not in time and was killed.

    Popen.wait with a timeout looks every 50 ms only: a tenth of what is measured.
    """
    end = os.pidfd_open(process.pid)
    try:
        in_time = bool(select.select([end], [], [], seconds)[0])
    finally:
        os.close(end)
    if not in_time:
        process.kill()
    status = process.wait()
    return status if in_time else None


def _plain() -> dict[str, str]:
    """Return an environment in which nothing of the caller's speaks to a tool."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), "LANG": "C.UTF-8", "COLUMNS": "200"}

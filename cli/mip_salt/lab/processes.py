"""Which machines run on this machine, told by their processes: no file can be stale about it.

"Here" is this network namespace: a lab's names are those of its network, so labs of other ones are in nobody's way.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.process_stat import stat

PREFIX = "miplab-"
MACHINE, DIRECTORY = "--machine=", "--directory="


@dataclass(frozen=True)
class Running:
    """One systemd-nspawn process of a lab; the time it started tells it from a later process with its pid."""

    pid: int
    started: int
    machine: str
    root: Path

    @property
    def lab(self) -> Path:
        """Return the folder of the lab that it belongs to."""
        return self.root.parents[2]


def running() -> list[Running]:
    """Return the machines of all labs that run here, in this network namespace."""
    found = (_look(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [machine for machine in found if machine]


def init_of(machine: Running) -> int:
    """Return the pid, here, of the machine's own first process, or 0."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and stat(int(entry.name)).parent == machine.pid:
            return int(entry.name)
    return 0


def end(machine: Running, grace: float) -> None:
    """End a machine and all its processes: ask it to power off, then kill it.

    grace
        Seconds it may take to power off.

    Raises Damaged if it is still there 5 s after being killed.
    """
    for signum, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + seconds
        if _look(machine.pid) == machine:
            try:
                os.kill(machine.pid, signum)
            except ProcessLookupError:
                return
        while _look(machine.pid) == machine:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return
    raise Damaged(
        f"the machine {machine.machine} (pid {machine.pid}) does not end",
        hint=f"Look what keeps it (ps -p {machine.pid}), then: mip-salt lab down",
    )


def clear(upper: Path, seconds: float = 5) -> None:
    """Kill what still runs on a machine's disk: systemd inside outlives a killed systemd-nspawn (measured, 252).

    upper
        The disk's own layer, by which the root of a process is known.

    Raises Damaged if something is left after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while left := _rooted_on(upper):
        if time.monotonic() > deadline:
            raise Damaged(
                f"processes of a machine do not end: {left}", hint="Look what keeps them (ps), then: mip-salt lab down"
            )
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _rooted_on(upper: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                mounts = (entry / "mountinfo").read_text("utf-8", "replace").splitlines()
                root = next((line for line in mounts if line.split(" ", 5)[4] == "/"), "")
                if f"upperdir={upper}," in f"{root},":
                    found.append(int(entry.name))
    return found


def _look(pid: int) -> Running | None:
    """Return the lab machine that a pid is, or None; a process of another user is none, whatever it calls itself."""
    proc = Path("/proc", str(pid))
    try:
        if (proc / "comm").read_text("utf-8").strip() != "systemd-nspawn" or proc.stat().st_uid != os.geteuid():
            return None
        if not (proc / "ns/net").samefile("/proc/self/ns/net"):
            return None
        words = (proc / "cmdline").read_text("utf-8", "replace").split("\0")
    except OSError:
        return None
    name = next((word.removeprefix(MACHINE) for word in words if word.startswith(MACHINE + PREFIX)), "")
    root = next((word.removeprefix(DIRECTORY) for word in words if word.startswith(DIRECTORY)), "")
    started = stat(pid).started
    return Running(pid, started, name, Path(root)) if name and root and started else None

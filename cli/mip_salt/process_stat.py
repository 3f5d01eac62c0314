"""What the kernel says of a process that runs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Stat(NamedTuple):
    """A process: all of it is empty if there is none.

    state
        The kernel's letter: R, S, D, T, t, Z (it has ended, and its parent has not looked yet), X.
    parent
        Its parent's pid.
    started
        When, in clock ticks since boot: a pid alone may be another process by now, with this it cannot.
    """

    name: str
    state: str
    parent: int
    started: int


GONE = Stat("", "", 0, 0)


def stat(pid: int) -> Stat:
    """Return what ``/proc/PID/stat`` says (proc(5)); its name, in brackets, may hold anything."""
    try:
        name, _, rest = Path("/proc", str(pid), "stat").read_text("utf-8", "replace").rpartition(")")
        fields = rest.split()
        return Stat(name.partition("(")[2], fields[0], int(fields[1]), int(fields[19]))
    except (OSError, IndexError, ValueError):
        return GONE

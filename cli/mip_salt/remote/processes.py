"""The processes that a worker of ours started: find them all, end them all, and nobody else's."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

SUBREAPER, DEATH_SIGNAL = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG of linux/prctl.h
PROC = Path("/proc")

# A pid alone may be another process by the time it is signalled; with its start time it cannot.
Process = tuple[int, str]


def adopt_orphans() -> None:
    """Keep every descendant below this process, even one whose parent has ended (Salt's terminals call setsid)."""
    ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Get SIGTERM when the parent ends, however it ends.

    parent
        Its pid; if it has ended already, this process ends now.
    """
    ctypes.CDLL(None, use_errno=True).prctl(DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _stat(pid: int) -> tuple[int, str, str]:
    """Return parent, start time and state of a process; the name before them may hold anything."""
    try:
        fields = (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0, "", ""
    return int(fields[1]), fields[19], fields[0]


def alive(process: Process) -> bool:
    """Say whether a process still runs (a zombie does not)."""
    _, started, state = _stat(process[0])
    return started == process[1] and state not in ("Z", "X", "")


def descendants(root: int) -> list[Process]:
    """Return all processes below one, nearest first."""
    children: dict[int, list[Process]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            parent, started, _ = _stat(int(entry.name))
            children.setdefault(parent, []).append((int(entry.name), started))
    found: list[Process] = []
    level = [root]
    while level:
        below = [child for pid in level for child in children.get(pid, [])]
        found += below
        level = [pid for pid, _ in below]
    return found


def _signal(process: Process, signum: int) -> None:
    if _stat(process[0])[1] == process[1]:
        # It may have ended, or sudo may have made it another user's.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process[0], signum)


def end_tree(root: int, *, grace: float = 1.0, itself: bool = True) -> None:
    """End a process of ours and all below it.

    They are stopped first, until no new one appears, so that none can slip away by forking; then TERM, then KILL.

    root
        Pid of the worker.
    grace
        Seconds between TERM and KILL.
    itself
        Whether the root ends too.
    """
    top = [(root, _stat(root)[1])] if itself else []
    known: list[Process] = []
    while True:
        fresh = [process for process in top + descendants(root) if process not in known]
        if not fresh:
            break
        for process in fresh:
            _signal(process, signal.SIGSTOP)
        known += fresh
    for signum in (signal.SIGTERM, signal.SIGCONT):
        for process in known:
            _signal(process, signum)
    until = time.monotonic() + grace
    while time.monotonic() < until and any(map(alive, known)):
        time.sleep(0.01)
    for process in known:
        _signal(process, signal.SIGKILL)

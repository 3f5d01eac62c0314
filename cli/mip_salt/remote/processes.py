"""The processes that a worker of ours started: find them all, end them all, and nobody else's."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from mip_salt.process_stat import stat

SUBREAPER, DEATH_SIGNAL = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG of linux/prctl.h
SETTLE_SECONDS = 1.0  # one that waits for a disk may not stop sooner
PROC = Path("/proc")

# A pid alone may be another process by the time it is signalled; with its start time it cannot.
Process = tuple[int, int]


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


def descendants(root: int) -> list[Process]:
    """Return all processes below one, nearest first."""
    children: dict[int, list[Process]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            process = stat(int(entry.name))
            children.setdefault(process.parent, []).append((int(entry.name), process.started))
    found: list[Process] = []
    level = [root]
    while level:
        below = [child for pid in level for child in children.get(pid, [])]
        found += below
        level = [pid for pid, _ in below]
    return found


def _signal(process: Process, signum: int) -> None:
    if stat(process[0]).started == process[1]:
        # It may have ended, or sudo may have made it another user's.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process[0], signum)


def end_children() -> None:
    """Kill all below this process, which adopts orphans; if there is nobody, that costs next to nothing."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        end_tree(os.getpid(), itself=False)


def end_tree(root: int, *, itself: bool = True) -> None:
    """Kill a process of ours and all below it.

    They are stopped first, until none of them can fork any more, and killed while they stand still: after a TERM, one
    that was just forking could leave its child behind. Nothing that a worker starts needs a TERM to end cleanly.

    root
        Pid of the worker.
    itself
        Whether the root ends too.
    """
    known = [(root, stat(root).started)] if itself else []
    for process in known:
        _signal(process, signal.SIGSTOP)
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        # A stop takes hold when a system call ends, and that may be a fork: look at states before children.
        settled = all(map(_still, known))
        fresh = [process for process in descendants(root) if process not in known]
        for process in fresh:
            _signal(process, signal.SIGSTOP)
        known += fresh
        if not fresh and (settled or time.monotonic() > until):
            break
        if not fresh:
            time.sleep(0.002)
    for process in reversed(known):
        _signal(process, signal.SIGKILL)


def _still(process: Process) -> bool:
    """Say whether a process is stopped or has ended."""
    now = stat(process[0])
    return now.started != process[1] or now.state in "TtZX"

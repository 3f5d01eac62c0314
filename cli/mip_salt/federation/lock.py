"""One command at a time on a federation."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mip_salt.errors import Busy
from mip_salt.federation.folder import Folder
from mip_salt.printable import printable


@contextmanager
def locked(folder: Folder, command: str) -> Iterator[None]:
    """Hold the federation for one command; the kernel lets go when the process ends, however it ends.

    command
        What to call this run when another one is told to wait.

    Raises Busy with the holder's pid, command and age.
    """
    folder.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(folder) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "command": command, "since": time.time()}).encode(), 0)
        yield
    finally:
        os.close(fd)


def _busy(folder: Folder) -> Busy:
    try:
        holder = json.loads(Path(folder.lock).read_text("utf-8"))
        since = time.strftime("%H:%M:%S", time.localtime(float(holder["since"])))
        who = f"by pid {int(holder['pid'])} ({printable(holder['command'], 60)}) since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "by a command that is just starting"
    return Busy(
        f"federation {folder.name} is busy: held {who}",
        hint="Wait for it to end, or stop that process, then run this again.",
    )

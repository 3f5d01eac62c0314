"""One command at a time on the labs of this machine: they share the names of its network."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mip_salt.errors import Busy

LOCK = Path("/run/mip-salt-lab.lock")


@contextmanager
def held() -> Iterator[None]:
    """Hold all labs; the kernel lets go when the process ends, however it ends.

    Raises Busy if another command holds them.
    """
    while True:
        lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("another command is at work on a lab", hint="Wait for it to end, then try again.") from None
            # Whoever held it before may have removed the file between our opening and our locking it.
            if not LOCK.exists() or not LOCK.samefile(f"/proc/self/fd/{lock}"):
                continue
            try:
                yield
            finally:
                LOCK.unlink(missing_ok=True)
            return
        finally:
            os.close(lock)

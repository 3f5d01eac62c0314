"""Ctrl-C, and whoever else asks us to stop: one exception wherever we are, and no question that outlasts it."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

# Every signal that has a handler of ours leaves a byte here, written at once and in C.
_woken: list[int] = []


def heed() -> None:
    """Turn SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt: every ``with`` closes what it opened, the vault too.

    A handler of our own also keeps asyncio from replacing it by one that a blocking question would not notice.
    """
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    _woken[:] = [read]
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _stop)


def wait_for(fd: int) -> None:
    """Wait until something can be read from a file descriptor.

    Raises KeyboardInterrupt once a signal has come, however early. The handler's exception alone is not enough:
    it is lost if the signal comes just before a read begins to block, or while Python runs a finaliser, which
    prints what is raised in it and goes on (CPython, Objects/object.c, slot_tp_finalize).
    """
    ready, _, _ = select.select([fd, *_woken], [], [])
    if any(end in ready for end in _woken):
        raise KeyboardInterrupt


def _stop(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN if signum == signal.SIGHUP else signal.default_int_handler)
    raise KeyboardInterrupt

"""Ctrl-C, and whoever else asks us to stop: one exception wherever we are, which nothing forgets or outlasts."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds until an exception that Python forgot is raised anew: the place that forgot it is left by then.
ANEW = 0.01

# Every signal that has a handler of ours leaves a byte here, written at once and in C.
_woken: list[int] = []
_came: list[int] = []


def heed() -> None:
    """Turn SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt: every ``with`` closes what it opened, the vault too.

    A handler of our own also keeps asyncio from replacing it by one that a blocking question would not notice. While
    Python runs a finaliser, or what logging does around a fork, it prints what is raised there and goes on (CPython,
    PyErr_WriteUnraisable): a KeyboardInterrupt is not printed, and is raised anew. Nor is printed what others make of
    one: Salt's finalisers fail on what is only half made.
    """
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    _woken[:] = [read]
    for signum in (*SIGNALS, signal.SIGALRM):
        signal.signal(signum, _stop)
    sys.unraisablehook = _forgotten


def wait_for(fd: int) -> None:
    """Wait until something can be read from a file descriptor.

    Raises KeyboardInterrupt once a signal has come, however early: the handler's exception alone comes too late if the
    signal comes just before a read begins to block.
    """
    ready, _, _ = select.select([fd, *_woken], [], [])
    if any(end in ready for end in _woken):
        raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[None]:
    """Let no signal come for the time of a ``with``; one that did comes at its end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(signum: int, frame: FrameType | None) -> None:
    _came.append(signum)
    signal.signal(signum, signal.SIG_IGN if signum == signal.SIGHUP else signal.default_int_handler)
    raise KeyboardInterrupt


def _forgotten(what: sys.UnraisableHookArgs) -> None:
    if issubclass(what.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, ANEW)
    elif not _came:
        sys.__unraisablehook__(what)

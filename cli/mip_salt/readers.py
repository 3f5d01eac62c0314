"""Who reads what we print may go, as `| head -1` does: then a command ends as SIGPIPE would have it, but tidily."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

OUT, ERR = 1, 2
# How a shell tells a program that SIGPIPE ended; and how we tell that Ctrl-C did.
SIGPIPE_EXIT, INTERRUPTED = 141, 130
_gone: set[int] = set()
_at_work: list[bool] = []


def watch() -> None:
    """Notice, from here on, that who reads our standard output or error has gone.

    Then nobody reads that any more, and KeyboardInterrupt is raised: every ``with`` closes what it opened, the vault
    too, and nodes stop between two states. SIGPIPE itself would leave all that as it is; and click and rich, which meet
    it first, make of it an exit code that tells nothing.
    """
    sys.stdout, sys.stderr = _watched(sys.stdout, OUT), _watched(sys.stderr, ERR)


def finish_anyway() -> None:
    """Go on without a reader of standard output: what the command changes must not be left half done for that."""
    _at_work[:] = [True]


def ended(code: int) -> int:
    """Return the exit code of a command: 141 if its reader has gone, unless work of it failed."""
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except KeyboardInterrupt:
        pass
    return SIGPIPE_EXIT if _gone and (not _at_work or code in (0, INTERRUPTED)) else code


class _Raw(io.FileIO):
    """Standard output or error, where it is written."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self._lose()
            return len(memoryview(data))

    def _lose(self) -> None:
        fd = self.fileno()
        _gone.add(fd)
        goes_on = fd == OUT and _at_work
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for each in {fd} if goes_on else {fd, ERR}:
            os.dup2(nowhere, each)
        os.close(nowhere)
        if not goes_on:
            raise KeyboardInterrupt


def _watched(stream: TextIO, fd: int) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper) or stream.fileno() != fd:  # closed from the beginning, or not ours
        return stream
    stream.flush()
    raw = _Raw(fd, "w", closefd=False)
    return io.TextIOWrapper(
        # Where PYTHONUNBUFFERED says so nothing is kept back; Python's own is made of a raw stream then, too.
        raw if stream.write_through else io.BufferedWriter(raw),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )

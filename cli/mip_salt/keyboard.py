"""What the operator types: a line, seen or hidden."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from mip_salt.interrupts import wait_for

LONGEST = 4096  # bytes of a line that Linux's terminals pass on (N_TTY_BUF_SIZE)


def read_line(prompt: str, *, hidden: bool = False) -> str:
    """Show a prompt on stderr and return the line that is typed at the terminal on stdin, without its end.

    hidden
        Do not echo it; what was typed before the prompt stood there is dropped.

    Raises KeyboardInterrupt for Ctrl-C, for Ctrl-D, and for a terminal that is gone; UnicodeDecodeError for other text.
    """
    fd = sys.stdin.fileno()
    with _silence(fd) if hidden else nullcontext():
        sys.stderr.write(prompt)
        sys.stderr.flush()
        wait_for(fd)
        try:
            line = os.read(fd, LONGEST)
        except OSError:
            line = b""
    if not line:
        raise KeyboardInterrupt
    return line.decode(sys.stdin.encoding, "strict").removesuffix("\n")


@contextmanager
def _silence(fd: int) -> Iterator[None]:
    """Echo nothing but the end of the line."""
    before = termios.tcgetattr(fd)
    silent = before[:]
    silent[3] = silent[3] & ~termios.ECHO | termios.ECHONL
    try:
        termios.tcsetattr(fd, termios.TCSAFLUSH, silent)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)

"""What stands around every command: Python's own beginning and end, which an operator would wait for in vain."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading


def main() -> None:
    """Run the command line, and be gone as soon as it is done."""
    gc.set_threshold(50_000)  # imports make much and throw away little; it is over before there is much to collect
    try:
        from mip_salt.main import main as command_line

        command_line()
    except KeyboardInterrupt:  # nothing had begun, or all had been said
        from mip_salt.readers import INTERRUPTED

        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if isinstance(end.code, int) and threading.active_count() == 1:
            _leave(end.code)
        raise


def _leave(code: int) -> None:
    """End the process without taking all it imported to pieces first: a tenth of a short command's work (measured)."""
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(code)

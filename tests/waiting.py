"""Wait for what comes, with a deadline; no test sleeps for luck."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def runs(pid: int | str) -> bool:
    """Say whether a process runs; one that has ended, and that nobody has collected, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], Any], seconds: float = 20.0) -> bool:
    """Wait for a condition; say whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True

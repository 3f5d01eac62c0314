"""The libraries for nodes, downloaded once a checkout: tests of all else take them from a folder, without network."""

import fcntl
from functools import cache
from pathlib import Path

from mip_salt.remote import wheels

FOLDER = Path(__file__).parents[1] / "build" / "wheels"


@cache
def wheelhouse() -> Path:
    """Return a folder that has every wheel."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wheels.ensure(FOLDER)
    return FOLDER

"""A private folder beside the federations, in which a new one is made before anybody sees it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mip_salt.errors import Busy, Damaged

PREFIX = ".mip-restore."


@contextmanager
def staging(root: Path, name: str) -> Iterator[Path]:
    """Give an empty folder on the root's own file system; it is gone at the end, with all that is left in it.

    name
        Of the federation that is made there: two at once are refused, and what a killed run left is removed.

    Raises Busy if another run makes it, Damaged if the folder cannot be made.
    """
    place = root / f"{PREFIX}{name}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as err:
        raise Damaged(
            f"{place} cannot be made: {err.strerror}", hint="Choose another --root, or run it with sudo."
        ) from err
    try:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise Damaged(f"{place} is another's, or not private", hint="Look at what it is, and move it away.")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{name} is being restored by another command", hint="Wait for it to end.") from None
        try:
            _empty(place)
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(fd)


def _empty(place: Path) -> None:
    for left in place.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()

"""Put a folder in the place of another in one step, so that whoever looks finds the old one or the new one."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.federation.files import sync_folder

# renameat2(2), Linux 3.15: EXCHANGE swaps two names, NOREPLACE takes only one that is free.
NOREPLACE, EXCHANGE = 1, 2
AT_FDCWD = -100


def swap(new: Path, place: Path) -> None:
    """Swap two folders of one file system: each then has the other's name.

    Raises Damaged, and changes nothing, where the file system cannot do it.
    """
    _rename(new, place, EXCHANGE)


def put(new: Path, place: Path) -> None:
    """Give a folder a name that nothing has.

    Raises Damaged, and changes nothing, if something has it.
    """
    _rename(new, place, NOREPLACE)


def _rename(new: Path, place: Path, how: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(place), how)
    code = ctypes.get_errno()
    if done == 0:
        for parent in {new.parent, place.parent}:
            sync_folder(parent)
        return
    if code in (errno.EINVAL, errno.ENOSYS, errno.EXDEV) and how == EXCHANGE:
        raise Damaged(
            f"the file system of {place.parent} cannot swap two folders in one step",
            hint=f"Move the old one away, then run it again: mv {place} {place}.old",
        )
    if code in (errno.EINVAL, errno.ENOSYS) and not os.path.lexists(place):
        new.rename(place)  # NFS and the like; a folder that came there in between makes it fail, unless it is empty
        sync_folder(place.parent)
        return
    raise Damaged(f"{place} cannot be put there: {os.strerror(code)}", hint="Look at what is there, and who owns it.")

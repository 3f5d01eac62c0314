"""Read the incumbent's files from its folder; nothing in it is followed, run or changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.incumbent.files import CONFIG, MOST_BYTES, WANTED, File, Source, name_of, nothing_found
from mip_salt.printable import printable


def read_folder(path: Path) -> Source:
    """Return what lies in the folder of a federation, or in its exareme folder.

    Raises UsageError if no federation is there, Damaged if a file cannot be read.
    """
    place = next((at for at in (path, path / "exareme") if _is_file(at / CONFIG)), None)
    if place is None:
        inside = [printable(at) for at in _folders(path) if _is_file(at / "exareme" / CONFIG)]
        raise nothing_found(path, f"Give one of these: {', '.join(inside[:20])}" if inside else "")
    files = {}
    for part, name in WANTED.items():
        if name not in files and (file := _read(place, part)) is not None:
            files[name] = file
    return Source(place, name_of(place.resolve()), files)


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(at for at in path.iterdir() if at.is_dir())[:1000]
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except PermissionError as err:
        raise _unreadable(path, err) from err
    except OSError:
        return False


def _read(place: Path, part: str) -> File | None:
    """Return one file; None if it is not there. A link out of the folder, a pipe or a device is not read."""
    path = place / part
    try:
        # O_NONBLOCK: opening a named pipe would wait for a writer for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        raise _unreadable(path, err) from err
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or not path.resolve().is_relative_to(place.resolve()):
            raise Damaged(f"{path} is not a plain file of this folder", hint="Put the file itself there.")
        try:
            data = file.read(MOST_BYTES + 1)
        except OSError as err:
            raise _unreadable(path, err) from err
    if len(data) > MOST_BYTES:
        raise Damaged(f"{path} is larger than {MOST_BYTES >> 20} MiB", hint="The incumbent's are some kilobytes.")
    return File(data, stat.S_IMODE(found.st_mode))


def _unreadable(path: Path, err: OSError) -> Damaged:
    return Damaged(
        f"{path} cannot be read: {err.strerror}",
        hint="The incumbent's files are root's and mipadmin's: run this as one of them, or import its backup.",
    )

"""Write a file so that a crash leaves the old one or the new one, never half of either."""

from __future__ import annotations

import os
from pathlib import Path

from mip_salt.errors import Damaged

PREFIX = ".mip-"


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder survive a power loss."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomic(path: Path, text: str | bytes, mode: int = 0o600) -> None:
    """Replace a file by temporary file, fsync, rename and fsync of the folder.

    Raises Damaged, with the path, if it cannot be written; the old file is then untouched.
    """
    data = text.encode("utf-8") if isinstance(text, str) else text
    try:
        new = path.with_name(f"{PREFIX}{path.name}.{os.urandom(8).hex()}")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as out:
                os.fchmod(out.fileno(), mode)
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as err:
        raise Damaged(
            f"{path} cannot be written: {err.strerror}",
            hint="Free space or mend the folder's permissions, then run it again.",
        ) from err


def write_if_changed(path: Path, text: str, mode: int = 0o600) -> bool:
    """Write a file only if it would differ; return whether it was written."""
    try:
        if path.read_text("utf-8") == text and path.stat().st_mode & 0o777 == mode:
            return False
    except (OSError, UnicodeDecodeError):
        pass  # missing or unreadable: the write below mends it or says why not
    write_atomic(path, text, mode)
    return True


def remove(path: Path) -> None:
    """Remove a file, if it is there, so that the removal survives a power loss."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)
    except OSError as err:
        raise Damaged(
            f"{path} cannot be removed: {err.strerror}",
            hint="Look at the folder's owner and mode, and at the disk; then run it again.",
        ) from err


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed command left in a folder."""
    for stale in folder.glob(f"{PREFIX}*"):
        stale.unlink(missing_ok=True)

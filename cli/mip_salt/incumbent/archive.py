"""Read the incumbent's files from an archive that `mip … backup` made; in memory, so nothing of it touches the disk."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mip_salt.errors import Damaged
from mip_salt.incumbent.files import CONFIG, MOST_BYTES, WANTED, File, Source, name_of, nothing_found
from mip_salt.incumbent.flaws import Flaw

MOST_UNPACKED = 256 << 20
MOST_MEMBERS = 20_000
BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError, RecursionError)
GZIP = b"\x1f\x8b"
DEEPEST = max(place.count("/") + 1 for place in WANTED)


class TooMuch(Exception):
    """The archive unpacks to more than any backup of a pusher."""


class _Bounded(io.RawIOBase):
    """A stream that ends in :class:`TooMuch` after so many bytes: a small file can unpack to terabytes."""

    def __init__(self, inner: BinaryIO, most: int) -> None:
        self._inner, self._left = inner, most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(min(size if size >= 0 else self._left + 1, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise TooMuch
        return data


def read_archive(path: Path) -> Source:
    """Return what a backup of one federation's pusher holds.

    path
        A tar file, packed by gzip or not. Members that are not files of the incumbent are passed over, and links never
        followed.

    Raises UsageError if no federation is in it, Damaged if it is broken, too large, or holds several.
    """
    found: dict[PurePosixPath, dict[str, File]] = {}
    try:
        with path.open("rb") as packed:
            plain: BinaryIO = gzip.GzipFile(fileobj=packed) if packed.peek(2)[:2] == GZIP else packed  # type: ignore[assignment]
            # As a stream: a member is read once, forwards, and no header can send the reader back.
            with tarfile.open(fileobj=_Bounded(plain, MOST_UNPACKED), mode="r|") as archive:
                for number, member in enumerate(archive):
                    if number >= MOST_MEMBERS:
                        raise TooMuch
                    _take(archive, member, found, path)
    except TooMuch:
        raise Damaged(
            f"{path} unpacks to more than {MOST_UNPACKED >> 20} MiB or {MOST_MEMBERS} files",
            hint="It is no backup of a pusher: `mip --pusher --federation … backup` makes one of some kilobytes.",
        ) from None
    except BROKEN as err:
        why = getattr(err, "strerror", None) or "it is no tar archive, or it is cut off"
        raise Damaged(f"{path} cannot be read: {why}", hint="Take another backup.") from err
    bases = [base for base, files in found.items() if CONFIG in files]
    if not bases:
        raise nothing_found(path)
    if len(bases) > 1:
        raise Damaged(f"{path} holds {len(bases)} federations", hint="Unpack it, and give the folder of one.")
    # `mip … backup` makes it with umask 022 (D23).
    open_to_all = Flaw(
        path.name,
        0,
        f"can be read by others, and holds the incumbent's SSH key, which has no passphrase: chmod 600 {path}",
        leak=True,
    )
    exposed = path.stat().st_mode & 0o077
    return Source(path, name_of(bases[0]), found[bases[0]], (open_to_all,) if exposed else ())


def _take(
    archive: tarfile.TarFile, member: tarfile.TarInfo, found: dict[PurePosixPath, dict[str, File]], path: Path
) -> None:
    """Take a member if it is a file of the incumbent; of two with one name the later counts, as for tar."""
    place = _place(member.name)
    if place is None or not member.isreg():
        return
    base, name = place
    file = archive.extractfile(member)
    data = file.read(MOST_BYTES + 1) if file else b""
    if len(data) > MOST_BYTES:
        raise Damaged(
            f"{path}: its {name} is larger than {MOST_BYTES >> 20} MiB", hint="The incumbent's are some kilobytes."
        )
    found.setdefault(base, {})[name] = File(data, stat.S_IMODE(member.mode))


def _place(member: str) -> tuple[PurePosixPath, str] | None:
    """Return the exareme folder that a member lies in, and which of the incumbent's files it is."""
    parts = PurePosixPath(member.lstrip("/")).parts
    for count in range(1, DEEPEST + 1):
        name = WANTED.get("/".join(parts[-count:]))
        if name and ".." not in parts:
            return PurePosixPath(*parts[:-count]), name
    return None

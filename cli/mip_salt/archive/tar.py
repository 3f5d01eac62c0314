"""A tar file of plain files only, read without trust: one header, one file, each where it is expected.

Python's tarfile opens what others made, with links, devices and extension headers of any size. An archive of ours has
none of these, so each block is taken apart by itself and anything else ends the reading.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from mip_salt.errors import Damaged

BLOCK = 512
CHUNK = 1 << 20
# What tar may pad an archive's end with, and far more.
PADDING = 1 << 20


class Writer:
    """Write files into a gzip-compressed tar, which plain ``tar`` reads too."""

    def __init__(self, path: Path) -> None:
        self._out = gzip.GzipFile(path, "wb", compresslevel=6)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()

    def add(self, name: str, size: int, chunks: Iterator[bytes], *, moment: int, executable: bool = False) -> None:
        """Add one file.

        moment
            Its time, in seconds since 1970.

        Raises Damaged if the chunks are not of that size.
        """
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, moment, 0o700 if executable else 0o600
        self._out.write(info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
        written = 0
        for chunk in chunks:
            written += len(chunk)
            self._out.write(chunk)
        if written != size:
            raise Damaged(f"{name} changed while it was read", hint="Run it again.")
        self._out.write(b"\0" * (-size % BLOCK))

    def end(self) -> None:
        """Write the two empty blocks that end a tar file."""
        self._out.write(b"\0" * 2 * BLOCK)


class Reader:
    """Read such a file, member by member.

    source
        What to call it in an error.

    Every method raises Damaged for whatever is not as `Writer` writes it.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.source = source
        try:
            self._in = gzip.GzipFile(path, "rb")
        except OSError as err:
            raise Damaged(
                f"{source} cannot be read: {err.strerror}", hint="See what there is: mip-salt backup list"
            ) from err

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in.close()

    def header(self) -> tuple[str, int] | None:
        """Return name and size of the next file, or None at the end."""
        block = self._exactly(BLOCK)
        if not any(block):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError):
            raise self.damaged("it is no archive of mip-salt's") from None
        if info.type != tarfile.REGTYPE or info.size < 0:
            raise self.damaged("it holds something that is no plain file")
        return info.name, info.size

    def chunks(self, size: int) -> Iterator[bytes]:
        """Give the bytes of the file whose header was read."""
        left = size
        while left:
            chunk = self._exactly(min(left, CHUNK))
            left -= len(chunk)
            yield chunk
        self._exactly(-size % BLOCK)

    def finish(self) -> None:
        """Make sure that nothing but padding follows the end."""
        rest = self._read(PADDING + 1)
        if len(rest) > PADDING or any(rest):
            raise self.damaged("something follows its end")

    def damaged(self, why: str) -> Damaged:
        """Return the error that says why the archive is not taken."""
        return Damaged(f"{self.source} is damaged: {why}", hint="Take another backup: mip-salt backup list")

    def _exactly(self, size: int) -> bytes:
        data = self._read(size)
        if len(data) != size:
            raise self.damaged("it ends too early")
        return data

    def _read(self, size: int) -> bytes:
        try:
            return self._in.read(size)
        except (OSError, EOFError, zlib.error):
            raise self.damaged("it cannot be unpacked") from None

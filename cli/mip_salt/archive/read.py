"""Read an archive as if a stranger had made it: every byte is checked against the manifest, and the manifest first."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mip_salt.archive.manifest import MAX_BYTES, Kept, Manifest, parse_manifest
from mip_salt.archive.tar import Reader
from mip_salt.errors import Damaged

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.asc"
MAX_SIGNATURE = 16 << 10


@dataclass(frozen=True)
class Head:
    """What stands before an archive's files.

    told
        The manifest as it stands there, byte by byte: what the signature is of.
    signature
        By the vault's key; empty if the vault was locked then.
    """

    manifest: Manifest
    told: bytes
    signature: bytes


def read_head(path: Path) -> Head:
    """Return what an archive says of itself; its files are not looked at.

    Raises Damaged if it is not an archive.
    """
    with Reader(path, str(path)) as tar:
        return _head(tar)[0]


def verify(path: Path, source: str = "") -> Head:
    """Return what an archive says of itself, if all of it is as it says.

    Raises Damaged.
    """
    return _each(path, source or str(path), lambda name, kept: None)


def extract(path: Path, into: Path) -> Head:
    """Unpack an archive into a private, empty folder; everything in it is then private too.

    Raises Damaged if the archive is not as its manifest says, or a file cannot be written; what is there by then is the
    caller's to remove.
    """
    made: set[str] = set()

    def create(name: str, kept: Kept) -> int:
        place = into / name
        for parent in [*reversed(Path(name).parents)][1:]:
            if str(parent) not in made:
                (into / parent).mkdir(mode=0o700)
                made.add(str(parent))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(place, flags, 0o700 if kept.executable else 0o600)

    try:
        head = _each(path, str(path), create)
        for name in head.manifest.folders:
            if name not in made:
                (into / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, target in head.manifest.links.items():
            (into / name).symlink_to(target)
    except OSError as err:
        raise Damaged(
            f"{err.filename or into} cannot be written: {err.strerror}",
            hint="Free space or mend the permissions, then run it again.",
        ) from err
    return head


def _head(tar: Reader) -> tuple[Head, tuple[str, int] | None]:
    """Return the head, and the header after it."""
    first = tar.header()
    if first is None or first[0] != MANIFEST or first[1] > MAX_BYTES:
        raise tar.damaged("it does not begin with a manifest")
    told = b"".join(tar.chunks(first[1]))
    manifest, signature = parse_manifest(told, tar.source), b""
    following = tar.header()
    if following is not None and following[0] == SIGNATURE and following[1] <= MAX_SIGNATURE:
        signature = b"".join(tar.chunks(following[1]))
        following = tar.header()
    return Head(manifest, told, signature), following


def _each(path: Path, source: str, create: Callable[[str, Kept], int | None]) -> Head:
    """Check every file against the manifest, and write it where `create` opened a place for it."""
    with Reader(path, source) as tar:
        head, following = _head(tar)
        for name, kept in head.manifest.files.items():
            if following != (f"{head.manifest.federation}/{name}", kept.size):
                raise tar.damaged(f"{name} is not where its manifest says")
            _take(tar, name, kept, create(name, kept))
            following = tar.header()
        if following is not None:
            raise tar.damaged("it holds more than its manifest says")
        tar.finish()
    return head


def _take(tar: Reader, name: str, kept: Kept, out: int | None) -> None:
    digest = hashlib.sha256()
    try:
        for chunk in tar.chunks(kept.size):
            digest.update(chunk)
            if out is not None:
                _write_all(out, chunk)
    finally:
        if out is not None:
            os.close(out)
    if digest.hexdigest() != kept.sha256:
        raise tar.damaged(f"{name} is not what its manifest says")


def _write_all(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]

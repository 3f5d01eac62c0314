"""Write a federation's archive: sealed, complete, checked, and there only when it is whole."""

from __future__ import annotations

import calendar
import hashlib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mip_salt import __version__
from mip_salt.archive.kept import MAX_FILE, Contents, contents
from mip_salt.archive.manifest import Kept, Manifest
from mip_salt.archive.read import MANIFEST, SIGNATURE, verify
from mip_salt.archive.tar import CHUNK, Writer
from mip_salt.errors import Damaged, MipError
from mip_salt.federation.document import load
from mip_salt.federation.files import PREFIX, sync_folder
from mip_salt.federation.folder import Folder
from mip_salt.federation.problems import problems
from mip_salt.printable import printable
from mip_salt.vault.sealed import vault_fingerprint

MOMENT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Written:
    """An archive, and what was left out of it."""

    path: Path
    manifest: Manifest
    left: dict[str, str]
    signed: bool


def write_archive(folder: Folder, path: Path, sign: Callable[[bytes], bytes] | None = None) -> Written:
    """Write a federation's archive; the caller holds the federation.

    path
        A file that is not there yet, outside the federation's folder.
    sign
        Given the manifest, returns its signature by the vault's key; None leaves the archive unsigned.

    Raises Damaged if something cannot be read or written; there is then no file.
    """
    found = contents(folder)
    try:
        manifest = _manifest(folder, found)
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f"{PREFIX}{path.name}.")
        os.close(fd)
        temporary = Path(name)
        try:
            _write(folder, manifest, temporary, sign)
            verify(temporary, str(path))  # a backup that cannot be read is found now, not when it is needed
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as err:
        raise Damaged(
            f"{path} cannot be written: {err.strerror}", hint="Name another file: mip-salt backup FILE"
        ) from err
    return Written(path, manifest, found.left, sign is not None)


def _write(folder: Folder, manifest: Manifest, path: Path, sign: Callable[[bytes], bytes] | None) -> None:
    moment = calendar.timegm(time.strptime(manifest.made, MOMENT))
    told = manifest.model_dump_json(indent=1).encode()
    with Writer(path) as out:
        out.add(MANIFEST, len(told), iter([told]), moment=moment)
        if sign:
            signature = sign(told)
            out.add(SIGNATURE, len(signature), iter([signature]), moment=moment)
        for name, kept in manifest.files.items():
            chunks = _checked(folder.path / name, kept)
            out.add(f"{manifest.federation}/{name}", kept.size, chunks, moment=moment, executable=kept.executable)
        out.end()
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _manifest(folder: Folder, found: Contents) -> Manifest:
    try:
        federation = load(folder)
        nodes, versions = federation.ids(), federation.versions
    except MipError:  # a federation that is damaged is all the more worth keeping
        nodes, versions = [], None
    try:
        return Manifest(
            federation=folder.name,
            made=time.strftime(MOMENT, time.gmtime()),
            machine=printable(platform.node(), 200),
            mip_salt=__version__,
            mip=(versions and versions.mip) or "",
            exareme=(versions and versions.exareme) or "",
            vault_key=vault_fingerprint(folder),
            nodes=nodes,
            folders=found.folders,
            files={name: _kept(folder.path / name) for name in found.files},
            links=found.links,
        )
    except ValidationError as err:
        raise Damaged(
            f"{folder.path} cannot be backed up: {'; '.join(problems(err, Manifest)[:3])}",
            hint="Move out of the folder what is not the federation's.",
        ) from None


def _kept(path: Path) -> Kept:
    size, digest = 0, hashlib.sha256()
    for chunk in _read(path):
        size += len(chunk)
        digest.update(chunk)
        if size > MAX_FILE:
            raise Damaged(f"{path} is larger than {MAX_FILE >> 20} MiB", hint="Move it out of the federation's folder.")
    return Kept(size=size, sha256=digest.hexdigest(), executable=bool(path.stat().st_mode & 0o100))


def _checked(path: Path, kept: Kept) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in _read(path):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != kept.sha256:
        raise Damaged(f"{path} changed while it was backed up", hint="Run it again when nobody edits it.")


def _read(path: Path) -> Iterator[bytes]:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as source:  # noqa: PTH123 - a Path cannot say O_NOFOLLOW
            while chunk := source.read(CHUNK):
                yield chunk
    except OSError as err:
        raise Damaged(f"{path} cannot be read: {err.strerror}", hint="Run it as the federation's owner.") from err

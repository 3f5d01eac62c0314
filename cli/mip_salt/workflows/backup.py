"""Keep a federation: one private archive with all that another machine needs to go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mip_salt.archive.manifest import Manifest
from mip_salt.archive.read import verify
from mip_salt.archive.write import Written, write_archive
from mip_salt.errors import Damaged, MipError, UsageError
from mip_salt.federation.files import sweep
from mip_salt.federation.folder import BACKUPS, Folder
from mip_salt.federation.owner import make_for
from mip_salt.printable import printable
from mip_salt.vault import session
from mip_salt.vault.keyring import Vault
from mip_salt.vault.sealed import in_clear
from mip_salt.vault.signature import sign

ENDING = ".tar.gz"


@dataclass(frozen=True)
class Found:
    """One archive in the place for backups.

    error
        What is wrong with it; empty if it is whole.
    """

    path: Path
    size: int
    manifest: Manifest | None
    signed: bool = False
    error: str = ""


def backup(folder: Folder, path: Path | None, passphrase: session.Passphrase | None = None) -> Written:
    """Write a federation's archive; the caller holds the federation.

    path
        Where; None means the place for backups, under a name that says which federation and when.
    passphrase
        Who opens a locked vault, to sign the archive; None signs only if the vault is open.

    Raises UsageError for a place that will not do, Damaged if something cannot be read, is not sealed, or cannot be
    written, LoginRefused for a wrong passphrase.
    """
    if not folder.exists():
        raise Damaged(f"{folder.path} holds no federation", hint=f"See what is in it: ls -lA {folder.path}")
    bare = in_clear(folder)
    if bare:
        raise Damaged(
            f"{', '.join(str(one.relative_to(folder.path)) for one in bare)} would lie in clear in the archive",
            hint=f"Give the vault's key a passphrase (mip-salt -f {folder.name} vault passwd), or put the files right.",
        )
    place = _free(folder) if path is None else _given(folder, path)
    with _signer(folder, passphrase) as vault:
        return write_archive(folder, place, partial(sign, vault) if vault else None)


def backups(root: Path, federation: str | None = None) -> list[Found]:
    """Return the archives in the place for backups, oldest first, each read to its end.

    federation
        Only those of this one, and those that do not say of which they are.
    """
    found = [_look(path) for path in sorted((root / BACKUPS).glob(f"*/*{ENDING}"))]
    return sorted(
        (one for one in found if not (federation and one.manifest and one.manifest.federation != federation)),
        key=lambda one: one.manifest.made if one.manifest else "",
    )


def _look(path: Path) -> Found:
    try:
        size = path.stat().st_size
        head = verify(path)
    except OSError as err:
        return Found(path, 0, None, error=f"it cannot be read: {err.strerror}")
    except MipError as err:
        return Found(path, size, None, error=err.message)
    return Found(path, size, head.manifest, bool(head.signature))


@contextmanager
def _signer(folder: Folder, passphrase: session.Passphrase | None) -> Iterator[Vault | None]:
    """Give the open vault, or None where it is locked and nobody is to open it."""
    vault = Vault(folder)
    if session.held(folder, vault):
        yield vault
    elif passphrase is not None:
        with session.open_session(folder, passphrase) as opened:
            yield opened
    else:
        yield None


def _given(folder: Folder, path: Path) -> Path:
    path = path.absolute()
    real = path.parent.resolve() / path.name
    if real.is_relative_to(folder.path.resolve()):
        raise UsageError(f"{printable(path)} lies in the federation's own folder", hint="Name a file outside of it.")
    if not real.parent.is_dir():
        raise UsageError(f"there is no folder {printable(path.parent)}", hint="Make it, or name another file.")
    if path.exists() or path.is_symlink():
        raise UsageError(f"{printable(path)} is there already", hint="Name another file; no backup is overwritten.")
    return path


def _free(folder: Folder) -> Path:
    """Return a name in the place for backups that is free, and make the place."""
    place = folder.backups
    try:
        make_for(None, place)
    except Damaged as err:
        err.hint = f"Run it once with sudo, or name a file: mip-salt -f {folder.name} backup FILE"
        raise
    sweep(place)  # what a killed backup left; this run holds the federation, so none is being written
    stem = f"{folder.name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    names = (f"{stem}{more}{ENDING}" for more in ("", *(f".{n}" for n in range(2, 100))))
    return next(place / name for name in names if not (place / name).exists())

"""The versions that a federation keeps: each whole in a folder of its own, one of them in use by a link."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mip_salt.errors import Damaged
from mip_salt.federation.files import PREFIX, remove, sync_folder, write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.versions.pair import Pair, Pin

NAME = re.compile(r"([1-9][0-9]{0,5})-[A-Za-z0-9_.-]{1,80}\Z")
ABOUT = "version.json"
MIP_FOLDER = "mip-deployment"
KEPT = 3
# Raised when a version needs more files than before: an older one is then installed anew.
SHAPE = 1


@dataclass(frozen=True)
class Installed:
    """One version on this machine, as its own `version.json` tells.

    id
        The name of its folder below `versions/`.
    before
        Id of the version that was in use when it was installed; empty if none was.
    """

    id: str
    mip: Pin
    exareme: Pin
    validated: str
    compose: str
    sources: dict[str, str]
    before: str
    made: str
    shape: int = SHAPE

    def __str__(self) -> str:
        return f"MIP {self.mip} with exareme {self.exareme}"

    @property
    def versions(self) -> dict[str, str]:
        """Return what the federation's document says of it."""
        return {
            "mip": self.mip.name,
            "exareme": self.exareme.name,
            "mip_commit": self.mip.commit,
            "exareme_commit": self.exareme.commit,
        }

    def is_of(self, pair: Pair) -> bool:
        """Say whether it is what a pair asks for."""
        return (self.mip, self.exareme, self.shape) == (pair.mip, pair.exareme, SHAPE)


def installed(folder: Folder) -> Installed | None:
    """Return the version in use, or None.

    Raises Damaged if what is there is not of mip-salt's making, or its `version.json` is damaged.
    """
    try:
        target = folder.exareme.readlink()
    except FileNotFoundError:
        return None
    except OSError:
        raise Damaged(
            f"{folder.exareme} is there, and not of mip-salt's making",
            hint=f"If it is the incumbent's, bring its federation over by mip-salt import; then: "
            f"mv {folder.exareme} {folder.exareme}.old",
        ) from None
    if target.parent != Path(folder.versions.name) or not NAME.match(target.name):
        raise Damaged(f"{folder.exareme} leads to {target}, and not to a version", hint=f"rm {folder.exareme}")
    return about(folder.versions / target.name) if (folder.versions / target.name).is_dir() else None


def kept(folder: Folder) -> list[Installed]:
    """Return the versions on this machine, newest first; one that cannot be read is left out."""
    found = []
    for path in folder.versions.glob("*-*") if folder.versions.is_dir() else ():
        if NAME.match(path.name) and path.is_dir():
            with suppress(Damaged):
                found.append(about(path))
    return sorted(found, key=lambda one: _number(one.id), reverse=True)


def about(path: Path) -> Installed:
    """Return what a version's folder says of itself.

    Raises Damaged if it does not.
    """
    try:
        told: dict[str, Any] = json.loads((path / ABOUT).read_text("utf-8"))
        fresh = {**told, "id": path.name, "mip": Pin(**told["mip"]), "exareme": Pin(**told["exareme"])}
        found = Installed(**fresh)
        if not (found.mip.is_valid and found.exareme.is_valid):
            raise ValueError
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise Damaged(f"{path / ABOUT} is missing or damaged", hint="Install it again: mip-salt install") from err
    return found


@contextmanager
def staging(folder: Folder) -> Iterator[Path]:
    """Give an empty folder to make a version in; it is gone afterwards, unless `seal` made it a version."""
    folder.versions.mkdir(mode=0o700, exist_ok=True)
    sweep(folder)
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}new-", dir=folder.versions))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def seal(folder: Folder, path: Path, pair: Pair, sources: Mapping[str, str], before: str) -> Installed:
    """Make what was staged a version, durably; nothing uses it yet."""
    highest = max((_number(one.name) for one in folder.versions.iterdir() if NAME.match(one.name)), default=0)
    name = f"{highest + 1}-{_slug(f'mip-{pair.mip}-exareme-{pair.exareme}')}"
    made = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    new = Installed(name, pair.mip, pair.exareme, pair.validated, pair.compose, dict(sources), before, made)
    (path / ABOUT).write_text(json.dumps(asdict(new), indent=2, ensure_ascii=False) + "\n", "utf-8")
    _sync(path)
    path.rename(folder.versions / name)
    sync_folder(folder.versions)
    return new


def switch(folder: Folder, name: str) -> None:
    """Put a version in use: one rename."""
    link = folder.path / f"{PREFIX}exareme"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(folder.versions.name, name))
    link.replace(folder.exareme)
    sync_folder(folder.path)


def prune(folder: Folder) -> list[str]:
    """Remove all versions but three: the one in use, those used before it, then the newest; return what went."""
    found = {one.id: one for one in kept(folder)}
    now = installed(folder)
    keep: list[str] = []
    while now and len(keep) < KEPT and now.id not in keep:
        keep.append(now.id)
        now = found.get(now.before)
    keep += [name for name in found if name not in keep][: KEPT - len(keep)]
    gone = [name for name in found if name not in keep]
    for name in gone:
        # Renamed first: half of a version must not look like one.
        doomed = folder.versions / f"{PREFIX}gone-{name}"
        (folder.versions / name).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return gone


def sweep(folder: Folder) -> None:
    """Remove what killed commands left half-made; the caller holds the federation, so none is being made."""
    for stale in folder.versions.glob(f"{PREFIX}*"):
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)


def announce(folder: Folder, name: str) -> None:
    """Note that a version is about to be put in use, so that a crash in between is seen to be one."""
    write_atomic(_pending(folder), json.dumps({"to": name}))


def announced(folder: Folder) -> str:
    """Return the version that was about to be put in use when a command was killed, or nothing."""
    try:
        return str(json.loads(_pending(folder).read_text("utf-8"))["to"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def withdraw(folder: Folder) -> None:
    """Take the note back."""
    if _pending(folder).exists():
        remove(_pending(folder))


def _pending(folder: Folder) -> Path:
    return folder.versions / "switching.json"


def _number(name: str) -> int:
    return int(name.partition("-")[0])


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)[:80]


def _sync(path: Path) -> None:
    """Make all that is in a folder survive a power loss."""
    for parent, _, files in os.walk(path):
        for name in files:
            fd = os.open(Path(parent, name), os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        sync_folder(Path(parent))

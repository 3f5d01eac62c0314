"""What of a federation's folder goes into its archive: all that cannot be made again."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.printable import printable

MAX_FILES = 20_000
MAX_FILE = 256 << 20  # bytes
MAX_TOTAL = 1 << 30  # bytes
MAX_TARGET = 200  # bytes of a link's target
# A plain tar header has 155 bytes for folders and 100 for a name; the federation's own name and its slash take 33.
TAR_FOLDERS, TAR_NAME, OWN_NAME = 155, 100, 33
# Generated from the rest by every command; absolute paths in them, which are others after a restore; gpg's two files
# name a program that gpg starts, so they are never taken from an archive.
GENERATED = frozenset({"Saltfile", "master", "roster", "pillar/top.sls", "gnupg/gpg-agent.conf", "gnupg/gpg.conf"})
# Sockets, lock and caches; what `install` fetches again, at the commit that federation.sls pins.
MADE_AGAIN = frozenset({"run", "exareme", "versions"})
# gpg's sockets, locks and entropy; Salt's logs (the journal is kept); what a killed command left half-written.
PASSING = re.compile(r"gnupg/(S\..*|\.#lk.*|.*\.lock|random_seed|.*~)\Z|log/.*\.log(\.[0-9]+)?\Z|(.*/)?\.mip-[^/]*\Z")


@dataclass
class Contents:
    """What is kept of a folder: paths relative to it, in order.

    links
        Path to target; every target stays inside.
    left
        What an operator put there and is not kept, with the reason.
    """

    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


def is_kept(path: str) -> bool:
    """Say whether a path, relative to the federation's folder, belongs in an archive."""
    return path not in GENERATED and path.split("/")[0] not in MADE_AGAIN and not PASSING.match(path)


def is_clean(path: str) -> bool:
    """Say whether text is a relative path of plain names: printable, no ``..``, nothing that a tar header cuts."""
    folders, _, name = os.fsencode(path).rpartition(b"/")
    fits = OWN_NAME + len(folders) <= TAR_FOLDERS and len(name) <= TAR_NAME
    return path.isprintable() and fits and not {"", ".", ".."} & set(path.split("/"))


def stays_inside(path: str, target: str) -> bool:
    """Say whether a link at a path leads to a place inside the folder.

    Only leading ``..`` may climb, and only as far as the link lies deep: after a name, ``..`` may climb out of whatever
    that name links to.
    """
    if not target.isprintable() or target.startswith("/") or len(os.fsencode(target)) > MAX_TARGET:
        return False
    parts = target.split("/")
    climbs = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    return climbs <= path.count("/") and not {"", ".", ".."} & set(parts[climbs:])


def contents(folder: Folder) -> Contents:
    """Return what is kept of a federation's folder.

    Raises Damaged if something cannot be read, or cannot be kept and only its owner can say what to do.
    """
    found = Contents()
    for path, entry in _walk(folder.path, ""):
        if not is_clean(path):
            raise Damaged(
                f"{printable(path, 120)} in {folder.path} cannot be backed up: its name is not printable, or its path "
                "is too long",
                hint="Give it another name, or move it out of the federation's folder.",
            )
        if entry.is_symlink():
            target = str(Path(entry.path).readlink())
            if stays_inside(path, target):
                found.links[path] = target
            else:
                found.left[path] = f"it is a link out of the folder, to {printable(target, 80)}"
        elif entry.is_dir():
            found.folders.append(path)
        elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            found.files.append(path)
        else:
            found.left[path] = "it is neither a file nor a folder"
    if len(found.files) > MAX_FILES:
        raise Damaged(
            f"{folder.path} holds more than {MAX_FILES} files", hint="Move out of it what is not the federation's."
        )
    return found


def _walk(top: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(top) as entries:
            here = sorted(entries, key=lambda entry: entry.name)
    except OSError as err:
        raise Damaged(
            f"{printable(err.filename, 120)} cannot be read: {err.strerror}", hint="Run it as the federation's owner."
        ) from err
    for entry in here:
        path = prefix + entry.name
        if not is_kept(path):
            continue
        yield path, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{path}/")

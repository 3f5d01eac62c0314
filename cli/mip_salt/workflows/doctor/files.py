"""What lies on this machine's disk: the root, and one federation's folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mip_salt.federation.document import load
from mip_salt.federation.folder import MAX_PATH, Folder
from mip_salt.federation.generate import generated
from mip_salt.printable import printable
from mip_salt.ssh import pins
from mip_salt.vault import masters
from mip_salt.vault.keyring import Vault
from mip_salt.vault.sealed import in_clear
from mip_salt.workflows import staging, uninstall
from mip_salt.workflows.backup import backups
from mip_salt.workflows.findings import Finding, Level

LONGEST_NAME = 32
SHOWN = 3


def root(place: Path, *, begun: bool) -> Iterator[Finding]:
    """Look at the root: there, nobody else's to rename in, and with no remains of killed commands.

    begun
        Whether the federation that matters is there: its owner needs no right to begin others.
    """
    if not place.is_dir():
        yield Finding("root", Level.WARN, f"{place} is not there yet", "The first configure makes it.")
        return
    open_to = next((one for one in (place, *place.parents) if _others_may_rename(one)), None)
    if open_to:
        said = f"others can put folders of their own in place of those in {open_to}"
        yield Finding("root", Level.FAIL, said, f"chmod go-w {open_to}; or choose another --root")
    elif not begun and not os.access(place, os.W_OK):
        said = f"{place} is not yours: no federation can be begun, restored or removed in it"
        yield Finding(
            "root",
            Level.WARN,
            said,
            "Begin it with sudo: the federation is yours then. Or choose a --root of your own.",
        )
    else:
        yield Finding("root", Level.OK, f"{place}")
    for kind, prefix in (("restore", staging.PREFIX), ("uninstall", uninstall.PREFIX)):
        for left in sorted(place.glob(f"{prefix}*")):
            said = f"{left} is what a killed {kind} left, unless one is at work"
            yield Finding("root", Level.WARN, said, f"rm -r {left}")


def _others_may_rename(place: Path) -> bool:
    found = place.stat()
    if found.st_uid not in (0, os.geteuid()):
        return True
    return bool(found.st_mode & 0o022) and not found.st_mode & stat.S_ISVTX


def sockets(place: Path, folder: Folder | None) -> Iterator[Finding]:
    """Look at whether the agents' sockets have room in the path."""
    path = folder.path if folder else place / ("n" * LONGEST_NAME)
    left = MAX_PATH - len(os.fsencode(path))
    if folder and left < 0:
        said = f"{path} is {-left} bytes too long: gpg-agent and ssh-agent have no room for their sockets"
        yield Finding("sockets", Level.FAIL, said, "Restore the federation under a shorter --root.")
    elif left < 0:
        said = f"under {place} a federation's name may have {LONGEST_NAME + left} bytes at most"
        fits = LONGEST_NAME + left > 0
        yield Finding("sockets", Level.WARN if fits else Level.FAIL, said, "Choose a shorter --root.")
    else:
        yield Finding("sockets", Level.OK, f"room for {left} bytes more in the path")
    if folder and left >= 0 and not masters.fits(folder):
        said = f"{path} is too long, or has odd letters, for connections that commands share: each logs in anew"
        yield Finding(
            "connections",
            Level.WARN,
            said,
            "Restore the federation under a --root that is shorter, and of letters, digits, _, ., + and -.",
        )


def permissions(folder: Folder) -> Iterator[Finding]:
    """Look at whose a federation's files are, and who may read them."""
    folder.check_private()
    mine = folder.path.stat().st_uid
    foreign, readable = [], []
    for top, _, names in os.walk(folder.path):
        for path in (Path(top), *(Path(top, name) for name in names)):
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            if found.st_uid != mine:
                foreign.append(path)
            elif found.st_mode & 0o077 and stat.S_ISREG(found.st_mode) and path.is_relative_to(folder.gnupg):
                readable.append(path)
    if foreign:
        said = f"not its owner's: {_some(foreign, folder)}"
        yield Finding("permissions", Level.FAIL, said, f"chown -R --reference={folder.path} {folder.path}")
    if readable:
        said = f"others may read: {_some(readable, folder)}"
        yield Finding("permissions", Level.FAIL, said, f"chmod -R go= {folder.gnupg}")
    if not foreign + readable:
        yield Finding("permissions", Level.OK, f"{folder.path}: private, and all of one owner")


def federation(folder: Folder) -> Iterator[Finding]:
    """Look at the one file, what is generated from it, and the pinned host keys."""
    told = load(folder)
    yield Finding("federation", Level.OK, f"{len(told.nodes)} nodes in {folder.document}")
    stale = [path for path, text in generated(folder, told).items() if not _holds(path, text)]
    if stale:
        said = f"out of date for raw salt-ssh: {_some(stale, folder)}"
        yield Finding("generated", Level.WARN, said, f"mip-salt -f {folder.name} vault unlock (writes them anew)")
    known = pins.read(folder.known_hosts)
    bare = [name for name in told.ids() if not known.get(name)]
    if bare:
        remedy = "\n".join(f"mip-salt -f {folder.name} node trust {name}" for name in bare[:SHOWN])
        yield Finding("host keys", Level.FAIL, f"none is pinned for {', '.join(bare)}", remedy)


def vault(folder: Folder) -> Iterator[Finding]:
    """Look at the vault without opening it."""
    if not Vault(folder).exists():
        yield Finding("vault", Level.FAIL, "it is missing", f"mip-salt -f {folder.name} configure, or restore a backup")
        return
    bare = in_clear(folder)
    if bare:
        said = f"in clear on disk: {_some(bare, folder)}"
        yield Finding(
            "vault", Level.FAIL, said, f"mip-salt -f {folder.name} vault passwd, for a key; or restore a backup"
        )
        return
    missing = [name for name in load(folder).ids() if not folder.entry(name).is_file()]
    if missing:
        remedy = f"mip-salt -f {folder.name} configure --node {missing[0]}"
        yield Finding("vault", Level.FAIL, f"no entry for {', '.join(missing)}", remedy)
    else:
        yield Finding("vault", Level.OK, "sealed, with an entry a node")


def kept(folder: Folder) -> Iterator[Finding]:
    """Look at the newest backup under the root."""
    whole = [one.manifest for one in backups(folder.path.parent, folder.name) if one.manifest and not one.error]
    again = f"mip-salt -f {folder.name} backup"
    if not whole:
        yield Finding("backup", Level.WARN, "none under the root", f"{again} (and keep a copy on another machine)")
        return
    newest = whole[-1]
    changed = [path for path in (folder.document, *folder.entries.glob("*.sls")) if _changed_since(path, newest.made)]
    if changed:
        yield Finding("backup", Level.WARN, f"of {newest.made}; since then changed: {_some(changed, folder)}", again)
    else:
        yield Finding("backup", Level.OK, f"of {newest.made}, whole and up to date")


def _changed_since(path: Path, moment: str) -> bool:
    import calendar
    import time

    from mip_salt.archive.write import MOMENT

    return path.stat().st_mtime > calendar.timegm(time.strptime(moment, MOMENT)) + 1


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text("utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _some(paths: list[Path], folder: Folder) -> str:
    named = [printable(path.relative_to(folder.path), 60) for path in paths[:SHOWN]]
    return ", ".join(named) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")

"""Whose a federation is. Root, who could read every one, works in another's as that one, never as root.

So whoever called sudo owns the federation that he begins, and works on without sudo; and root follows no link that
another user laid.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mip_salt.data import data_root
from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder


class Owner(NamedTuple):
    """A user who is not root."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """Return the user's name, or his number if he has none any more."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def caller(environ: Mapping[str, str]) -> Owner | None:
    """Return who called sudo, if root was got that way; None for anybody else."""
    try:
        uid, gid = int(environ["SUDO_UID"]), int(environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    return Owner(uid, gid) if os.geteuid() == 0 and uid > 0 and gid >= 0 else None


def owner_of(path: Path) -> Owner | None:
    """Return who owns a folder, if this is root and the folder is another's.

    Raises Damaged if it is a link: whatever it leads to is not what stands there.
    """
    if os.geteuid() != 0:
        return None
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise Damaged(f"{path} is a link", hint="Name the root where the federation itself lies: --root DIR")
    return Owner(found.st_uid, found.st_gid) if found.st_uid else None


def work_as_owner(folder: Folder, environ: Mapping[str, str] = os.environ, *, begin: bool = False) -> None:
    """Make this process its federation's owner for good; nothing changes for anybody but root.

    begin
        Whether the federation may be begun: its folder, and one for its backups, are then made for who called sudo. If
        he could not work there, because mip-salt is installed or the root lies where root alone gets to, it is root's.

    Raises Damaged if the owner cannot read mip-salt, or the folders cannot be made; UsageError as `Folder.check_path`.
    """
    if os.geteuid() != 0:
        return
    if os.path.lexists(folder.path):
        owner = owner_of(folder.path)
        if owner and not _can_run(owner):
            raise Damaged(
                f"{folder.path} belongs to {owner.name}, who cannot read mip-salt in {sys.prefix}",
                hint="Install mip-salt where every user can read it, for example in /usr/local/lib/mip-salt.",
            )
    else:
        folder.check_path()  # before anything is made
        owner = caller(environ) if begin else None
        if owner and not (_can_run(owner) and _can_reach(owner, folder.path)):
            owner = None
    if owner:
        for path in (folder.path, folder.backups):
            make_for(owner, path)
        _become(owner, owner.uid, owner.gid)
        home = pwd.getpwuid(owner.uid).pw_dir if owner.name != str(owner.uid) else "/"
        os.environ.update(HOME=home, USER=owner.name, LOGNAME=owner.name)


@contextmanager
def acting_as(owner: Owner | None) -> Iterator[None]:
    """Be another user for a while, and so be every program that is started; then be root again.

    owner
        None changes nothing.
    """
    if owner is None:
        yield
        return
    groups = os.getgroups()
    _become(owner, 0, 0)  # the saved ids, which a program that is started does not inherit
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def make_for(owner: Owner | None, path: Path) -> None:
    """Make a private folder for its owner, unless it is there; the folders above it are everybody's to enter.

    Raises Damaged if it cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    except OSError as err:
        raise Damaged(f"{path} cannot be made: {err.strerror}", hint="Choose another --root.") from err
    if owner:
        os.chown(path, owner.uid, owner.gid)


def give(path: Path, owner: Owner | None) -> None:
    """Give a folder, which nobody but root can enter yet, and all in it to its owner; None changes nothing."""
    if owner is None:
        return
    for top, folders, files in os.walk(path):
        for each in (Path(top), *(Path(top, name) for name in (*folders, *files))):
            os.chown(each, owner.uid, owner.gid, follow_symlinks=False)


def _become(owner: Owner, saved_uid: int, saved_gid: int) -> None:
    try:
        groups = os.getgrouplist(pwd.getpwuid(owner.uid).pw_name, owner.gid)
    except KeyError:
        groups = [owner.gid]
    os.setgroups(groups)
    os.setresgid(owner.gid, owner.gid, saved_gid)
    os.setresuid(owner.uid, owner.uid, saved_uid)


def _can_reach(owner: Owner, path: Path) -> bool:
    there = next(parent for parent in path.parents if parent.is_dir())
    with acting_as(owner):
        return os.access(there, os.X_OK)


def _can_run(owner: Owner) -> bool:
    with acting_as(owner):
        return all(os.access(path, os.R_OK | os.X_OK) for path in (sys.prefix, data_root(), Path(sys.executable)))

"""A federation's folder on the pusher: where everything lies, who may read it, and how it is found."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mip_salt.errors import Damaged, UsageError
from mip_salt.federation.files import sweep
from mip_salt.printable import printable

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
DEFAULT_ROOT = Path("/opt")
BACKUPS = "mip-salt.backups"
# A Unix socket's path ends at 107 bytes; gpg adds `/S.gpg-agent.browser` and ssh a temporary suffix (facts, 0.17).
MAX_PATH = 80


def valid_name(name: str) -> str:
    """Return a federation's name, or raise UsageError with the rule."""
    if not NAME.match(name):
        raise UsageError(
            f"{printable(name, 80)!r} is not a federation's name",
            hint="Use 1 to 32 of a-z, 0-9 and -, starting with a letter or digit.",
        )
    return name


class At:
    """A path inside a federation's folder."""

    def __init__(self, *parts: str) -> None:
        self.parts = parts

    def __get__(self, folder: Folder, owner: type[Folder]) -> Path:
        return folder.path.joinpath(*self.parts)


@dataclass(frozen=True)
class Folder:
    """Every path of one federation; all of them absolute."""

    path: Path

    @property
    def name(self) -> str:
        """Return the federation's name, which is its folder's."""
        return self.path.name

    saltfile = At("Saltfile")
    master = At("master")
    roster = At("roster")
    known_hosts = At("known_hosts")
    pillar = At("pillar")
    top = At("pillar", "top.sls")
    document = At("pillar", "federation.sls")
    entries = At("pillar", "nodes")
    vault = At("pillar", "vault.sls")
    own_pillar = At("pillar", "own")
    states = At("states")
    exareme = At("exareme")
    versions = At("versions")
    gnupg = At("gnupg")
    ssh = At("ssh")
    identity = At("ssh", "id_ed25519")
    identity_public = At("ssh", "id_ed25519.pub")
    run = At("run")
    tmp = At("run", "tmp")
    lock = At("run", "lock")
    seen = At("run", "seen.json")
    recalled = At("run", "federation.json")
    agent_socket = At("run", "ssh-agent.sock")
    unlocked = At("run", "unlocked")
    masters = At("run", "m")
    tmux_socket = At("run", "tmux.sock")
    log = At("log")

    @property
    def backups(self) -> Path:
        """Return where its backups lie: beside it, under a name with a dot, which no federation has."""
        return self.path.parent / BACKUPS / self.name

    def entry(self, node: str) -> Path:
        """Return the path of a node's vault entry."""
        return self.entries / f"{node}.sls"

    def exists(self) -> bool:
        """Say whether a federation was begun here.

        Raises Damaged if that is another user's, who keeps it to himself.
        """
        try:
            return self.document.is_file()
        except PermissionError:
            raise _anothers(self.path) from None

    def check_path(self) -> None:
        """Raise UsageError for a name or a path that cannot work."""
        valid_name(self.name)
        if len(os.fsencode(self.path)) > MAX_PATH:
            raise UsageError(
                f"{self.path} is too long for the sockets that gpg-agent and ssh-agent need in it",
                hint=f"Choose a root (--root) so that the whole path has at most {MAX_PATH} bytes.",
            )

    def create(self) -> None:
        """Make the folder and its parts, private to the operator.

        Raises UsageError for a name or path that cannot work, Damaged if the folder cannot be made.
        """
        self.check_path()
        self.make_parts()
        self.check_private()

    def make_parts(self) -> None:
        """Make what is missing of the folder and its parts.

        Raises Damaged if one cannot be made.
        """
        try:
            for part in (
                self.path,
                self.pillar,
                self.entries,
                self.own_pillar,
                self.states,
                self.ssh,
                self.run,
                self.tmp,
                self.log,
            ):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as err:
            raise Damaged(
                f"{err.filename} cannot be made: {err.strerror}",
                hint="Choose another --root, or run as its owner.",
            ) from err

    def sweep(self) -> None:
        """Remove what killed commands left half-written; the caller holds the federation, so none is being written."""
        for part in (self.path, self.pillar, self.entries, self.ssh, self.gnupg, self.run):
            sweep(part)

    def check_private(self) -> None:
        """Raise Damaged if another user owns the folder or could read it."""
        for part in (self.path, self.pillar, self.gnupg, self.ssh, self.run):
            try:
                found = part.lstat()
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(found.st_mode):
                raise Damaged(f"{part} is not a folder", hint="Move it away; mip-salt makes it anew.")
            if found.st_uid != os.geteuid():
                raise _anothers(part)
            if found.st_mode & 0o077:
                raise Damaged(f"{part} can be read by others", hint=f"Look at who could have, then: chmod 700 {part}")


def all_folders(root: Path) -> list[Folder]:
    """Return the federations under a root, by name; those that other users keep to themselves are left out."""
    try:
        return [folder for folder in map(Folder, sorted(root.iterdir())) if _is_ours(folder)]
    except OSError:
        return []


def closed_folders(root: Path) -> list[Path]:
    """Return what other users keep to themselves under a root, and could be a federation by its name.

    Raises Damaged if the root itself cannot be read; one that is not there holds nothing.
    """
    try:
        found = [path for path in sorted(root.iterdir()) if NAME.match(path.name)]
    except FileNotFoundError:
        return []
    except OSError as err:
        raise Damaged(f"{root} cannot be read: {err.strerror}", hint="Name another by --root, or use sudo.") from None
    return [path for path in found if _is_closed(path)]


def _is_closed(path: Path) -> bool:
    try:
        Folder(path).exists()
    except Damaged:
        return True
    return False


def _is_ours(folder: Folder) -> bool:
    """Say whether a folder is that of a federation that this user may enter."""
    try:
        return bool(NAME.match(folder.name)) and folder.exists()
    except Damaged:
        return False


def _anothers(path: Path) -> Damaged:
    return Damaged(f"{path} belongs to another user", hint="Run mip-salt as its owner, or with sudo, which does that.")


def choose(name: str | None, root: Path, environ: Mapping[str, str], cwd: Path, *, must_exist: bool = True) -> Folder:
    """Find the federation a command is about.

    The name given with ``-f``, else ``MIP_SALT_FEDERATION``, else the folder one stands in, else the only one.

    Raises UsageError, listing what exists, if that leaves none or several.
    """
    name = name or environ.get("MIP_SALT_FEDERATION") or None
    known = all_folders(root)
    listing = ", ".join(f.name for f in known) or "none yet"
    if name:
        folder = Folder(root / valid_name(name))
        if must_exist and not folder.exists():
            raise UsageError(
                f"there is no federation {name!r} under {root} (there: {listing})",
                hint=f"Begin it with: mip-salt -f {name} configure",
            )
        return folder
    for here in (cwd, *cwd.parents):
        if _is_ours(Folder(here)):
            return Folder(here)
    if len(known) == 1:
        return known[0]
    raise UsageError(
        f"which federation? Under {root}: {listing}",
        hint="Name it with -f NAME, in MIP_SALT_FEDERATION, or stand in its folder.",
    )

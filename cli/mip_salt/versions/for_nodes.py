"""What nodes are given of the installed version: exareme's compose files, and the web front end's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.versions.kept import MIP_FOLDER, Installed, installed
from mip_salt.versions.needs import COMPOSE_FILES, FRONT_END, VERSIONS_ENV

MAX_FILE = 1 << 20
FRONT_END_FOLDER = Path(FRONT_END).parent


@dataclass(frozen=True)
class ForNodes:
    """Texts of files, by their names on a node.

    master
        exareme's compose files.
    ui
        What the web front end is run from, below the folder of mip-deployment.
    variables
        Of mip-deployment's `.versions_env`: the tags of the front end's images.
    """

    version: Installed
    master: dict[str, str]
    ui: dict[str, str]
    variables: dict[str, str]


def in_use(folder: Folder) -> Installed | None:
    """Return the version that nodes run, or None; a folder that the incumbent left in its place is none.

    Raises Damaged if one of ours is damaged.
    """
    return installed(folder) if folder.exareme.is_symlink() else None


def for_nodes(folder: Folder) -> ForNodes | None:
    """Return what nodes are given of the version in use; None if none is installed.

    Raises Damaged if a file of it is missing or cannot be what it should.
    """
    version = in_use(folder)
    if version is None:
        return None
    root = folder.versions / version.id
    mip = root / MIP_FOLDER

    def text(path: Path) -> str:
        try:
            content = path.read_bytes()
            if len(content) > MAX_FILE:
                raise ValueError
            return content.decode("utf-8")
        except (OSError, ValueError) as err:
            raise Damaged(
                f"{path} cannot be given to a node: {getattr(err, 'strerror', None) or 'it is no text, or too large'}",
                hint=f"Mend what is installed: mip-salt -f {folder.name} install",
            ) from None

    front_end = sorted(path for path in (mip / FRONT_END_FOLDER).rglob("*") if path.is_file())
    lines = [line.strip() for line in text(mip / VERSIONS_ENV).splitlines()]
    return ForNodes(
        version,
        master={name: text(root / version.compose / name) for name in COMPOSE_FILES},
        ui={str(path.relative_to(mip)): text(path) for path in front_end},
        variables=dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")),
    )

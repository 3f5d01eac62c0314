"""Find the files that the package ships beside its code: salt, pillar, states and _modules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mip_salt.errors import Damaged


@cache
def data_root() -> Path:
    """Return the folder that holds ``salt pillar states _modules``.

    A wheel carries them as ``mip_salt/data``; in a checkout (editable install) they lie at its top.

    Raises Damaged if neither is there.
    """
    package = Path(__file__).resolve().parent
    shipped = package / "data"
    if shipped.is_dir():
        return shipped
    for folder in package.parents:
        if (folder / "pyproject.toml").is_file() and (folder / "states").is_dir():
            return folder
    raise Damaged(
        "mip-salt's own states are missing",
        hint="Install mip-salt again: pip install --force-reinstall mip-salt",
    )

"""The libraries that Salt needs on nodes: are they here, or where they can be had?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder
from mip_salt.remote.pip import download
from mip_salt.remote.wheels import WHEELHOUSE, lacking, pins, place
from mip_salt.workflows.findings import Finding, Level

# pip itself asks twice, for 15 s each.
SECONDS = 40.0


def libraries(folder: Folder | None) -> Iterator[Finding]:
    """Look at whether a federation keeps them; else whether the folder that is named has them, or pip can get one.

    pip's index not answering is no failure of this machine: a stick has them too.
    """
    if folder and not lacking(place(folder)):
        yield Finding("libraries", Level.OK, f"the {len(pins())} that nodes need are kept")
        return
    named = os.environ.get(WHEELHOUSE)
    if named:
        yield _in(Path(named))
        return
    try:
        with tempfile.TemporaryDirectory(prefix="mip-salt-") as scratch:
            one = pins()[0]
            download(f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n", Path(scratch))
    except MipError as err:
        yield Finding("libraries", Level.WARN, err.message, err.hint)
        return
    yield Finding("libraries", Level.OK, "pip gets those that nodes need, with the first connection")


def _in(source: Path) -> Finding:
    """Return whether a folder has them."""
    if not source.is_dir():
        said = f"{WHEELHOUSE} names {source}, which is no folder"
        return Finding("libraries", Level.FAIL, said, "Unpack the stick's wheelhouse there, or name another folder.")
    missing = lacking(source)
    if missing:
        said = f"{source} lacks {', '.join(map(str, missing))}, which nodes need"
        remedy = f"Make the stick anew by this mip-salt; or, with internet, do without it and {WHEELHOUSE}."
        return Finding("libraries", Level.FAIL, said, remedy)
    return Finding("libraries", Level.OK, f"{source} has the {len(pins())} that nodes need")

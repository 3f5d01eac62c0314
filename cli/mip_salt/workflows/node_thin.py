"""Have the thin that nodes get before `apply` needs it: its libraries from a stick, a folder, or pip."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.printable import printable
from mip_salt.remote.thin import thin
from mip_salt.remote.wheels import ensure, place
from mip_salt.versions.git import Progress
from mip_salt.versions.source import Source

ON_STICK, THIN = "node-wheels", "thin.tgz"
PART = re.compile(rf"(?:\./)?(?:{ON_STICK}/([A-Za-z0-9_][A-Za-z0-9_.+-]{{0,150}}\.whl)|({re.escape(THIN)}))\Z")
MAX_PART, MAX_PARTS = 16 << 20, 50


def have_thin(folder: Folder, source: Source, tell: Callable[[Progress], None]) -> None:
    """Have a federation's thin packed, and the libraries in it; at once and without network if all is there.

    source
        Where MIP comes from: of a stick, libraries and thin are taken too, as far as they are what they should be.
    tell
        Called with what is being fetched or done.

    Raises what `wheels.ensure` and `thin.thin` raise.
    """
    with tempfile.TemporaryDirectory(prefix="mip-salt-") as scratch:
        given = Path(scratch) / THIN
        if source.kind == "stick":
            _unpack(Path(source.text), Path(scratch))
        wheels = Path(scratch) if any(Path(scratch).glob("*.whl")) else None
        try:
            ensure(place(folder), wheels, lambda text: tell(Progress(text)))
        except Damaged as err:
            err.message = err.message.replace(scratch, source.text)
            raise
        tell(Progress("the thin for nodes"))
        thin(place(folder).parent, given.read_bytes() if given.exists() else b"")


def _unpack(stick: Path, into: Path) -> None:
    """Unpack what is for nodes from a stick that may be anybody's; each part is held to what it should be later."""
    found = 0
    try:
        with tarfile.open(stick) as tar:
            for member in tar:
                name = PART.match(member.name)
                if name and member.isfile() and member.size <= MAX_PART and found < MAX_PARTS:
                    found += 1
                    file = into / (name[1] or name[2])
                    with tar.extractfile(member) as packed, file.open("wb") as out:  # type: ignore[union-attr]
                        shutil.copyfileobj(packed, out)
    except (OSError, EOFError, tarfile.TarError) as err:
        raise Damaged(
            f"{stick} is damaged: {printable(err, 120)}", hint="Copy it from where it was made again."
        ) from err

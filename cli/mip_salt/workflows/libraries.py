"""Have the libraries that Salt imports on nodes before `apply` needs them: from a stick, a folder, or pip."""

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
from mip_salt.remote.wheels import ensure, place
from mip_salt.versions.git import Progress
from mip_salt.versions.source import Source

ON_STICK = "node-wheels"
WHEEL = re.compile(rf"(?:\./)?{ON_STICK}/([A-Za-z0-9_][A-Za-z0-9_.+-]{{0,150}}\.whl)\Z")
MAX_WHEEL, MAX_WHEELS = 16 << 20, 50


def have_libraries(folder: Folder, source: Source, tell: Callable[[Progress], None]) -> None:
    """Have every library in a federation's own place; at once and without network if all are there.

    source
        Where MIP comes from: of a stick, the libraries are taken too.
    tell
        Called with what is being fetched.

    Raises what `wheels.ensure` raises.
    """
    with tempfile.TemporaryDirectory(prefix="mip-salt-") as scratch:
        given = _from_stick(Path(source.text), Path(scratch)) if source.kind == "stick" else None
        try:
            ensure(place(folder), given, lambda text: tell(Progress(text)))
        except Damaged as err:
            err.message = err.message.replace(scratch, source.text)
            raise


def _from_stick(stick: Path, into: Path) -> Path | None:
    """Unpack the wheels of a stick that may be anybody's; each is held to its hash afterwards. None if it has none."""
    found = 0
    try:
        with tarfile.open(stick) as tar:
            for member in tar:
                name = WHEEL.match(member.name)
                if name and member.isfile() and member.size <= MAX_WHEEL and found < MAX_WHEELS:
                    found += 1
                    with tar.extractfile(member) as packed, (into / name[1]).open("wb") as file:  # type: ignore[union-attr]
                        shutil.copyfileobj(packed, file)
    except (OSError, EOFError, tarfile.TarError) as err:
        raise Damaged(
            f"{stick} is damaged: {printable(err, 120)}", hint="Copy it from where it was made again."
        ) from err
    return into if found else None

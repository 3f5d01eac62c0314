"""The libraries that Salt imports on nodes: wheels known by their hashes, fetched once, of which the sources are sent.

The pusher's own will not do: they are as new as its Python. Debian 11 cannot import tornado 6.6 (measured).
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mip_salt.errors import Damaged, UsageError
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.remote.master import cache
from mip_salt.remote.pip import download

PINS = Path(__file__).with_name("node") / "libraries.txt"
PIN = re.compile(r"^([\w.-]+)==([\w.]+) --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)
UNUSED = re.compile(r"/tests?/|^urllib3/contrib/")
WHEELHOUSE = "MIP_SALT_WHEELHOUSE"


@dataclass(frozen=True)
class Pin:
    """The one file that is meant by a library's name and version."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def is_called(self, file: str) -> bool:
        """Say whether a wheel of this library and version may have such a name."""
        return file.lower().startswith(f"{self.name.lower()}-{self.version}-") and file.endswith(".whl")


@dataclass(frozen=True)
class Wheel:
    """A wheel whose hash is the pinned one."""

    file: str
    content: bytes


def pins() -> list[Pin]:
    """Return what a node needs besides Salt."""
    return [Pin(*found) for found in PIN.findall(PINS.read_text("utf-8"))]


def place(folder: Folder) -> Path:
    """Return where a federation keeps its wheels."""
    return cache(folder) / "mip-salt" / "wheels"


def ensure(place: Path, source: Path | None = None, on_progress: Callable[[str], None] = lambda _: None) -> list[Wheel]:
    """Have every wheel in a folder, and return them; at once and without network if all are there already.

    place
        Made with mode 0700 if need be: ``place(folder)`` for a federation. Once complete it is a ``source`` itself, so
        `install bundle` fills a folder of the stick, and `install --from` gives that folder back as ``source``.
    source
        A folder that has the wheels, among any others; then no network is asked. Without it the folder that
        ``MIP_SALT_WHEELHOUSE`` names; without that, pip downloads them (3 MB, some seconds), as this machine has
        configured it.
    on_progress
        Called with a few words before anything is fetched.

    Raises UsageError if the source is no folder; Damaged if a wheel is not there or not the pinned one, if this Python
    has no pip, or if the place cannot be written; Unreachable if pip cannot download them.
    """
    wanted = pins()
    found = _whole(place, wanted)
    missing = [pin for pin in wanted if pin not in found]
    if missing:
        source = source or (Path(os.environ[WHEELHOUSE]) if os.environ.get(WHEELHOUSE) else None)
        on_progress(f"{len(missing)} libraries for nodes")
        fetched = _taken(source, missing) if source else _downloaded(missing)
        _keep(fetched.values(), place, wanted)
        found.update(fetched)
    return [found[pin] for pin in wanted]


def lacking(folder: Path) -> list[Pin]:
    """Return what a folder lacks of what nodes need, to the last byte; all of it if there is no such folder."""
    wanted = pins()
    found = _whole(folder, wanted)
    return [pin for pin in wanted if pin not in found]


def sources(wheels: Iterable[Wheel]) -> dict[str, bytes]:
    """Return the Python modules that are in wheels, by path, and certifi's certificates.

    Compiled modules fit one Python and one processor.
    """
    found = {}
    for wheel in wheels:
        with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
            for name in archive.namelist():
                if name.endswith((".py", ".pem")) and not UNUSED.search(name):
                    found[name] = archive.read(name)
    return found


def _whole(folder: Path, wanted: Iterable[Pin]) -> dict[Pin, Wheel]:
    """Return those wheels of a folder that are the pinned ones, to the last byte."""
    there = [path for path in folder.glob("*.whl") if path.is_file()]
    found = {}
    for pin in wanted:
        for path in there:
            if pin.is_called(path.name):
                content = path.read_bytes()
                if hashlib.sha256(content).hexdigest() == pin.sha256:
                    found[pin] = Wheel(path.name, content)
    return found


def _keep(wheels: Iterable[Wheel], place: Path, wanted: Sequence[Pin]) -> None:
    """Write wheels down, and take away those that are not wanted any more."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in place.glob("*.whl"):
            if not any(pin.is_called(old.name) for pin in wanted):
                old.unlink(missing_ok=True)
    except OSError as err:
        raise Damaged(
            f"{place} cannot be written: {err.strerror}", hint="Free space or mend the folder's permissions."
        ) from err
    for wheel in wheels:
        write_atomic(place / wheel.file, wheel.content)


def _taken(source: Path, wanted: Sequence[Pin]) -> dict[Pin, Wheel]:
    """Return wheels from a folder."""
    if not source.is_dir():
        raise UsageError(
            f"{source} is no folder of wheels", hint=f"Unpack the stick's wheelhouse, and name that: {WHEELHOUSE}=DIR"
        )
    try:
        found = _whole(source, wanted)
    except OSError as err:
        raise Damaged(f"{source} cannot be read: {err.strerror}", hint="Is the stick still mounted?") from err
    lacking = [pin for pin in wanted if pin not in found]
    if lacking:
        names = [path.name for path in source.glob("*.whl")]
        other = [pin for pin in lacking if any(map(pin.is_called, names))]
        what = (
            f"{other[0]} in {source} is not the pinned file"
            if other
            else f"{source} lacks {', '.join(map(str, lacking))}"
        )
        raise Damaged(
            f"{what}, which nodes need",
            hint=f"Make the stick anew by this mip-salt; or, with internet, do without it and {WHEELHOUSE}.",
        )
    return found


def _downloaded(wanted: Sequence[Pin]) -> dict[Pin, Wheel]:
    """Return wheels that pip downloads."""
    with tempfile.TemporaryDirectory(prefix="mip-salt-") as scratch:
        lines = [f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n" for pin in wanted]
        download("".join(lines), Path(scratch))
        return _whole(Path(scratch), wanted)

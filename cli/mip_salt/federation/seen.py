"""What was last seen of each node, and what came of its last apply: a cache, which may be lost and never be wrong."""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from mip_salt.errors import Damaged
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder

MAX_BYTES = 4 << 20

T = TypeVar("T")


class Disk(NamedTuple):
    """The file system under one path.

    size, free
        KiB; free is what an ordinary user may still write.
    there
        Whether the path itself exists; if not, the numbers are those of the nearest folder above it.
    """

    size: int
    free: int
    there: bool = True

    @property
    def percent_free(self) -> float:
        """Return how much of it is free, in percent."""
        return 100 * self.free / self.size if self.size else 0.0


class Sighting(NamedTuple):
    """What a node said of itself the last time it answered as the confirmed machine; None is unknown.

    at
        When it answered.
    memory
        KiB.
    uptime
        Seconds.
    skew
        Seconds by which its clock was ahead of this machine's.
    disks
        By path.
    """

    at: datetime
    hostname: str
    os: str
    arch: str
    cpus: int
    memory: int
    python: str
    sudo: str
    kernel: str | None = None
    uptime: float | None = None
    engine: str | None = None
    engine_version: str | None = None
    synced: bool | None = None
    skew: float | None = None
    disks: Mapping[str, Disk] = MappingProxyType({})


class LastApply(NamedTuple):
    """What came of a node's last apply."""

    at: datetime
    kind: str
    changed: int = 0
    failed: int = 0
    seconds: float = 0.0


class Known(NamedTuple):
    """What is known of one node."""

    sighting: Sighting | None = None
    apply: LastApply | None = None


class Seen(NamedTuple):
    """What is known of a federation's nodes.

    damaged
        Why the cache could not be read; empty if it could.
    """

    nodes: Mapping[str, Known]
    damaged: str = ""

    def of(self, name: str) -> Known:
        """Return what is known of a node; nothing, if it was never seen."""
        return self.nodes.get(name, Known())


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(timezone.utc)


def read(folder: Folder) -> Seen:
    """Return what was seen; nothing, and why, if the cache is damaged."""
    path = folder.seen
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            return Seen({}, f"{path} is larger than {MAX_BYTES >> 20} MiB")
        nodes = json.loads(raw, parse_constant=float)["nodes"]
        return Seen({name: _known(row) for name, row in nodes.items()})
    except FileNotFoundError:
        return Seen({})
    except OSError as err:
        return Seen({}, f"{path} cannot be read: {err.strerror}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Seen({}, f"{path} is damaged")


def _known(row: Mapping[str, Any]) -> Known:
    sighting, apply = row.get("sighting"), row.get("apply")
    return Known(sighting and _checked(Sighting, sighting), apply and _checked(LastApply, apply))


def _checked(kind: type[T], row: Mapping[str, Any]) -> T:
    """Return what a part of the cache tells; fields of a later version are left out.

    Raises ValueError, KeyError or TypeError for what is missing or of another type.
    """
    declared = {name: kind_of.__forward_arg__ for name, kind_of in kind.__annotations__.items()}
    return kind(**{name: _value(kind_of, row[name]) for name, kind_of in declared.items() if name in row})


def _value(kind: str, value: Any) -> Any:
    """Return a value that has the type that a field is declared with."""
    kind, _, optional = kind.partition(" | ")
    if value is None and optional:
        return None
    if kind == "datetime":
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))  # Z was written by our versions before 0.2
        if moment.tzinfo is None:
            raise ValueError("a time without its zone")
        return moment
    if kind.startswith("Mapping"):
        return {str(path): _checked(Disk, disk) for path, disk in value.items()}
    if kind == "float" and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if type(value).__name__ != kind:
        raise TypeError(f"not {kind}")
    return value


def note(
    folder: Folder, *, sightings: Mapping[str, Sighting] | None = None, applies: Mapping[str, LastApply] | None = None
) -> bool:
    """Remember what was seen of nodes, and what came of applies; return False if it could not be written.

    A disk that is full costs the memory of this run, never the run.
    """

    def add(nodes: dict[str, Known]) -> None:
        for name, sighting in (sightings or {}).items():
            nodes[name] = nodes.get(name, Known())._replace(sighting=sighting)
        for name, apply in (applies or {}).items():
            nodes[name] = nodes.get(name, Known())._replace(apply=apply)

    return _change(folder, add) if sightings or applies else True


def plain(told: Any) -> Any:
    """Return a part of what is known as mappings and values; a time stays one."""
    if hasattr(told, "_asdict"):
        told = told._asdict()
    return {name: plain(part) for name, part in told.items()} if isinstance(told, Mapping) else told


def forget(folder: Folder, name: str) -> bool:
    """Forget a node; return False if that could not be written."""
    return _change(folder, lambda nodes: nodes.pop(name, None)) if folder.seen.exists() else True


def _change(folder: Folder, change: Callable[[dict[str, Known]], object]) -> bool:
    try:
        with _alone(folder):
            nodes = dict(read(folder).nodes)
            change(nodes)
            told = {"nodes": {name: plain(known) for name, known in nodes.items()}}
            write_atomic(folder.seen, json.dumps(told, indent=1, default=datetime.isoformat))
    except (OSError, Damaged):
        return False
    return True


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """Let one process at a time read and write: a status goes on while an apply does."""
    fd = os.open(folder.run / "seen.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)

"""What was last seen of each node, and what came of its last apply: a cache, which may be lost and never be wrong."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from mip_salt.errors import Damaged
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder

MAX_BYTES = 4 << 20


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Disk(_Frozen):
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


class Sighting(_Frozen):
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

    at: AwareDatetime
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
    disks: dict[str, Disk] = {}


class LastApply(_Frozen):
    """What came of a node's last apply."""

    at: AwareDatetime
    kind: str
    changed: int = 0
    failed: int = 0
    seconds: float = 0.0


class Known(_Frozen):
    """What is known of one node."""

    sighting: Sighting | None = None
    apply: LastApply | None = None


class _Document(_Frozen):
    nodes: dict[str, Known] = {}


@dataclass(frozen=True)
class Seen:
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
        return Seen(_Document.model_validate_json(raw).nodes)
    except FileNotFoundError:
        return Seen({})
    except OSError as err:
        return Seen({}, f"{path} cannot be read: {err.strerror}")
    except ValidationError:
        return Seen({}, f"{path} is damaged")


def note(
    folder: Folder, *, sightings: Mapping[str, Sighting] | None = None, applies: Mapping[str, LastApply] | None = None
) -> bool:
    """Remember what was seen of nodes, and what came of applies; return False if it could not be written.

    A disk that is full costs the memory of this run, never the run.
    """

    def add(nodes: dict[str, Known]) -> None:
        for name, sighting in (sightings or {}).items():
            nodes[name] = nodes.get(name, Known()).model_copy(update={"sighting": sighting})
        for name, apply in (applies or {}).items():
            nodes[name] = nodes.get(name, Known()).model_copy(update={"apply": apply})

    return _change(folder, add) if sightings or applies else True


def forget(folder: Folder, name: str) -> bool:
    """Forget a node; return False if that could not be written."""
    return _change(folder, lambda nodes: nodes.pop(name, None)) if folder.seen.exists() else True


def _change(folder: Folder, change: Callable[[dict[str, Known]], object]) -> bool:
    try:
        with _alone(folder):
            nodes = dict(read(folder).nodes)
            change(nodes)
            write_atomic(folder.seen, json.dumps(_Document(nodes=nodes).model_dump(mode="json"), indent=1))
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

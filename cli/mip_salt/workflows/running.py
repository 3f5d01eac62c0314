"""What runs on a federation: what each node's engine says, beside what the swarm's manager, exareme's master and its
keystore say of it. All of it comes from nodes, which may say anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from mip_salt.federation import seen
from mip_salt.federation.folder import Folder
from mip_salt.printable import printable
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.run import collect, run
from mip_salt.workflows.joining import MASTER

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

LOOK = "mip_running.look"
# Seconds that a node may take: exareme's health check may take twenty of them.
SECONDS = 60.0
# Of each kind of thing that a node tells.
MANY = 500
NAME = 80
# What docker lets a service be called. Names stand in commands that the operator is told to run: no others are taken.
CALLED = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?)?\Z")


@dataclass(frozen=True)
class Container:
    """A container on a node.

    service
        Of the swarm, or of the web front end's project.
    seconds
        Since it started; None if it does not run.
    well
        Whether it is as it should be: it runs, or has done its work.
    project
        Whether it is the web front end's.
    """

    service: str
    state: str
    seconds: float | None
    well: bool
    project: bool


@dataclass(frozen=True)
class Service:
    """A service of the swarm, as its manager tells it."""

    name: str
    stack: str
    ours: bool
    image: str
    wanted: int
    running: int
    why: tuple[str, ...]


@dataclass(frozen=True)
class Engine:
    """What a node's own engine says.

    swarm
        Whether it is in one: ``active``, ``inactive``, ``pending``, ``error`` or ``locked``.
    """

    swarm: str
    containers: tuple[Container, ...]


@dataclass(frozen=True)
class Master:
    """What the master says of all nodes.

    nodes
        By hostname: how the manager finds the node, and whether it lets tasks run there; empty if there is no swarm.
    active
        The hostnames that exareme's master names; None if it does not answer.
    registered, datasets
        What the keystore holds, by hostname; None if it does not answer.
    why
        Why the last two are not known, each in a sentence.
    """

    nodes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    active: frozenset[str] | None = None
    registered: frozenset[str] | None = None
    datasets: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    why: tuple[str, ...] = ()
    manager: bool = False


@dataclass(frozen=True)
class Looked:
    """What came of asking.

    engines, results, asked
        By node id: what it said, what came of asking it, and when that was.
    master
        None if the master did not answer.
    """

    engines: Mapping[str, Engine]
    results: Mapping[str, NodeResult]
    asked: Mapping[str, datetime]
    master: Master | None


def look(
    folder: Folder,
    federation: Federation,
    chosen: Sequence[str],
    on_result: Callable[[NodeResult], None] = lambda _: None,
) -> Looked:
    """Ask nodes, and always the master, what runs.

    chosen
        Ids; disabled ones are not asked.

    The federation is held, and its vault is open. Raises what ``run`` raises before any node is asked.
    """
    enabled = federation.enabled()
    nodes = [name for name in enabled if name in chosen or name == MASTER]
    asked: dict[str, datetime] = {}

    def arrived(result: NodeResult) -> None:
        asked[result.id] = seen.now()
        on_result(result)

    asking = run(folder, federation, nodes, LOOK, deadline=SECONDS, jobs=federation.settings.jobs)
    results = {one.id: _with_remedy(folder, one) for one in collect(asking, nodes, arrived)}
    engines = {name: engine_of(one.data) for name, one in results.items() if one.kind is Kind.OK}
    told = results.get(MASTER)
    master = master_of(told.data) if told and told.kind is Kind.OK else None
    return Looked(engines, results, {name: asked.get(name, seen.now()) for name in results}, master)


def _with_remedy(folder: Folder, result: NodeResult) -> NodeResult:
    """Add what to do about an engine that does not answer."""
    if result.kind is not Kind.FAILED or result.hint:
        return result
    return replace(result, hint=f"Look at the node: mip-salt -f {folder.name} node check {result.id}")


def engine_of(data: Any) -> Engine:
    """Return what a node's engine says, of whatever it sent."""
    told = _mapping(data)
    return Engine(
        _text(_mapping(told.get("swarm")).get("state")) or "unknown",
        tuple(
            Container(
                _text(one.get("service")),
                _text(one.get("state")),
                _number(one.get("seconds")),
                one["well"] is True if "well" in one else one.get("state") == "running",
                one.get("project") is True,
            )
            for one in map(_mapping, _some(told.get("containers")))
        ),
    )


def master_of(data: Any) -> Master:
    """Return what the master says, of whatever it sent."""
    told = _mapping(data)
    health, keystore = _mapping(told.get("health")), _mapping(told.get("keystore"))
    why = [_text(part.get("why"), 200) for part in (health, keystore) if part.get("why")]
    nodes: dict[str, tuple[str, str]] = {}
    for one in map(_mapping, _some(told.get("nodes"))):
        name, state = _text(one.get("hostname")), _text(one.get("state"))
        # A machine that joined anew has left a dead entry behind.
        if name not in nodes or state == "ready":
            nodes[name] = (state, _text(one.get("availability")))
    return Master(
        nodes,
        tuple(
            Service(
                _text(one.get("name")),
                _text(one.get("stack")),
                one.get("ours") is True,
                _text(one.get("image"), 200),
                int(_number(one.get("wanted")) or 0),
                int(_number(one.get("running")) or 0),
                tuple(_text(why, 200) for why in islice(_some(one.get("why")), 5)),
            )
            for one in map(_mapping, _some(told.get("services")))
            if all(_called(one.get(part)) for part in ("name", "stack"))
        ),
        None if health.get("why") or not health else frozenset(map(_text, _some(health.get("active")))),
        None if keystore.get("why") or not keystore else frozenset(map(_text, _some(keystore.get("nodes")))),
        {
            _text(name): {_text(pathology): tuple(map(_text, _some(sets))) for pathology, sets in _items(rows)}
            for name, rows in _items(keystore.get("datasets"))
        },
        tuple(why),
        _mapping(told.get("swarm")).get("manager") is True,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(islice(_mapping(value).items(), MANY))


def _some(value: Any) -> list[Any]:
    """Return the members of a list, or the names of a mapping; not all, if they are too many."""
    return list(islice(value, MANY)) if isinstance(value, list | Mapping) else []


def _text(value: Any, limit: int = NAME) -> str:
    return printable(value, limit) if isinstance(value, str) else ""


def _called(value: Any) -> bool:
    return isinstance(value, str) and bool(CALLED.match(value))


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
    return float(value) if fits else None

"""How what runs on each node is, in one word, and what is not well with it, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mip_salt.errors import EXIT_CODES, worst
from mip_salt.federation.node_ids import Role, order_of
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.workflows.findings import Finding, Level, exit_code
from mip_salt.workflows.joining import MASTER
from mip_salt.workflows.running import Container, Engine, Looked, Service

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation, Node

PORTAINER = "mip-portainer"
# The worst first. Of those that answer: not all of it runs, exareme's master does not name it, nobody can say what
# should run, nothing was started.
SERIOUSNESS = (
    *("refused", "login", "damaged", "failed", "busy", "interrupted", "unreachable"),
    *("failing", "silent", "unknown", "stopped", "running", "disabled"),
)


@dataclass(frozen=True)
class Row:
    """How one node's services are.

    state
        Of SERIOUSNESS.
    swarm
        What the manager says of the node: ``ready``, ``down``, ``drain``…, ``not in it``; empty for the ui.
    wanted, running
        Tasks of its stack, as the manager counts them, or containers of the web front end; None if nobody says.
    active, registered
        Whether exareme's master names it, and the keystore knows it; None if they do not say, or it is the ui.
    """

    id: str
    node: Node
    state: str
    asked: datetime | None = None
    result: NodeResult | None = None
    swarm: str = ""
    wanted: int | None = None
    running: int | None = None
    active: bool | None = None
    registered: bool | None = None
    datasets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    services: tuple[Service, ...] = ()
    troubles: tuple[Finding, ...] = ()

    @property
    def up(self) -> float | None:
        """Return for how many seconds the youngest of its containers has run."""
        return min((one.seconds for one in self.containers if one.seconds is not None), default=None)

    @property
    def severity(self) -> tuple[int, tuple[int, int]]:
        """Return what sorts the worst first, and equals as people read them."""
        return SERIOUSNESS.index(self.state), order_of(self.id)


def rows_of(federation: Federation, chosen: Sequence[str], looked: Looked) -> list[Row]:
    """Return a row for each chosen node, the worst first."""
    return sorted((_row(federation, name, looked) for name in chosen), key=lambda row: row.severity)


def code_of(rows: Sequence[Row]) -> int:
    """Return the exit code: that of the most serious node that did not answer, or of what is not well."""
    unanswered = [EXIT_CODES.get(row.state, 0) for row in rows]
    return worst([*unanswered, *(exit_code(row.troubles) for row in rows)])


def others(federation: Federation, looked: Looked) -> list[Finding]:
    """Return what is to be said of services of ours that are no node's."""
    if looked.master is None:
        return []
    names = {node.hostname for node in federation.nodes.values()}
    stacks = {one.stack for one in looked.master.services if one.stack and one.ours and one.stack not in names}
    found = [
        Finding("stack", Level.WARN, f"{name} bears no node's hostname, and mip-salt deployed it", REMOVE.format(name))
        for name in sorted(stacks)
    ]
    for one in looked.master.services:
        if one.name == PORTAINER:
            level = Level.OK if one.running >= one.wanted else Level.WARN
            whose = "" if one.ours else ", not deployed by mip-salt"
            told = "; ".join((f"{one.running} of {one.wanted} tasks run{whose}", *one.why))
            found.append(Finding(PORTAINER, level, f"{told} ({one.image})"))
    return found


REMOVE = "If its node is gone for good, on the master: docker stack rm {}"


def _row(federation: Federation, name: str, looked: Looked) -> Row:
    node, result, engine = federation.nodes[name], looked.results.get(name), looked.engines.get(name)
    row = _as_told(name, node, looked, engine)
    if not node.enabled:
        return replace(row, state="disabled")
    if result is not None and result.kind is not Kind.OK:
        state = str(result.kind)
    elif row.wanted == 0:
        state = "stopped"
    elif row.wanted is None or row.running is None:
        state = "unknown"
    elif row.running < row.wanted:
        state = "failing"
    else:
        state = "silent" if row.active is False else "running"
    troubles = tuple(_troubles(federation, row, looked, engine))
    return replace(row, state=state, troubles=troubles, result=result, asked=looked.asked.get(name))


def _as_told(name: str, node: Node, looked: Looked, engine: Engine | None) -> Row:
    """Return what all that were asked say of a node; how it is in one word comes later."""
    hostname, master = node.hostname or "", looked.master
    if node.role == Role.UI:
        own = tuple(one for one in engine.containers if one.project) if engine else ()
        counts = (sum(one.state != "" for one in own), sum(one.well for one in own)) if engine else (None, None)
        if own and not any(one.state == "running" for one in own):
            counts = (0, 0)  # what has done its work is no sign of one that runs
        return Row(name, node, "running", wanted=counts[0], running=counts[1], containers=own)
    own = tuple(one for one in engine.containers if one.service.startswith(f"{hostname}_")) if engine else ()
    if master is None or not master.manager:
        return Row(name, node, "running", containers=own, swarm="" if master is None else "no swarm")
    services = tuple(one for one in master.services if one.stack == hostname)
    state, availability = master.nodes.get(hostname, ("not in it", ""))
    return Row(
        name,
        node,
        "running",
        swarm=availability if state == "ready" and availability != "active" else state,
        wanted=sum(one.wanted for one in services),
        running=sum(one.running for one in services),
        active=None if master.active is None else hostname in master.active,
        registered=None if master.registered is None else hostname in master.registered,
        datasets=dict(master.datasets.get(hostname, {})),
        containers=own,
        services=services,
    )


def _troubles(federation: Federation, row: Row, looked: Looked, engine: Engine | None) -> Iterator[Finding]:
    do, master = f"mip-salt -f {federation.federation}", looked.master
    if row.node.role == Role.UI:
        for part in row.containers:
            if row.wanted and not part.well:
                yield Finding(part.service, Level.FAIL, f"is {part.state}", f"{do} service start --node {row.id}")
        if row.wanted == 0:
            yield Finding("front end", Level.FAIL, "nothing of it runs", f"{do} service start --node {row.id}")
        return
    if master is None:
        if row.id != MASTER:
            yield Finding("swarm", Level.UNKNOWN, "the master did not answer: what it says of this node is not known")
        return
    if not master.manager:
        if row.id == MASTER:
            yield Finding("swarm", Level.FAIL, "the master is not its manager", f"{do} apply")
        return
    if row.swarm == "not in it":
        yield Finding("swarm", Level.FAIL, "the manager knows no node of that hostname", f"{do} service deploy")
    elif row.swarm not in ("ready", "active"):
        said = "it takes no tasks" if row.swarm in ("drain", "pause") else "the manager does not reach its engine"
        remedy = f"{do} apply" if row.swarm in ("drain", "pause") else f"{do} check --node {row.id}"
        yield Finding("swarm", Level.FAIL, f"{row.swarm}: {said}", remedy)
    if engine and engine.swarm != "active":
        yield Finding("engine", Level.FAIL, f"it is in no swarm of its own accord: {engine.swarm}", f"{do} apply")
    if not row.wanted:
        yield Finding("exareme", Level.FAIL, "is not deployed", f"{do} service start --node {row.id}")
        return
    for one in row.services:
        if one.running < one.wanted:
            why = "; ".join(one.why) or "why is not known"
            yield Finding(one.name, Level.FAIL, f"{one.running} of {one.wanted} tasks run: {why}", _logs(one.name))
    if row.id == MASTER:
        for why in master.why:
            yield Finding("exareme", Level.FAIL, why, f"{do} service restart --node {row.id}")
    if row.active is False and row.running == row.wanted:
        said = "its tasks run, and exareme's master does not name it"
        yield Finding("exareme", Level.FAIL, said, f"{do} service restart --node {row.id}")
    if row.registered is False and row.running == row.wanted:
        yield Finding("keystore", Level.WARN, "does not know it")
    if row.id != MASTER and row.active and row.registered and not row.datasets:
        where = f"{federation.settings.data.path}/{federation.federation}/PATHOLOGY/*.csv"
        yield Finding("datasets", Level.WARN, "it registered none", f"They lie there in {where}.")


def _logs(name: str) -> str:
    return f"On the master: docker service ps --no-trunc {name}, docker service logs {name}"

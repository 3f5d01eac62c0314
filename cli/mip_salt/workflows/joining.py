"""How workers join the swarm: who must, by which key, and what is to be done after it, phase by phase."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mip_salt.errors import NodeFailed
from mip_salt.federation.node_ids import Role
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.states import StateRow, StateRun

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

MASTER = "ms"
JOINED, MEMBER, MANAGER = "mip_swarm.joined", "mip_swarm_node.member", "mip_swarm.manager"
FRONT_END = "mip.ui"
TOKEN = re.compile(r"SWMTKN-1-[0-9a-z]{20,80}-[0-9a-z]{20,40}\Z")
SWARM_NODE = re.compile(r"[0-9a-z]{20,40}\Z")
MAX_KNOWN = 1000


@dataclass(frozen=True)
class Phase:
    """Some states on some nodes, after all that came before.

    told
        What it does, after the names of its nodes.
    sls
        The file of states.
    nodes
        Whom it is done to, side by side.
    keyed
        Whether they are given the key of the swarm.
    """

    name: str
    told: str
    sls: str
    nodes: tuple[str, ...]
    keyed: bool = False


# Seconds that the ui waits for the master while that still works; when it is done, the ui looks for it once more.
PATIENCE = 15
CHECK = Phase("check", "ways to and from the master, and what the swarm needs", "", ())


def phases(federation: Federation, results: Sequence[NodeResult], stacks: Sequence[str] = ()) -> list[Phase]:
    """Return what is still to do after a highstate on all: nothing, unless a worker must join, or the ui did not wait.

    results
        Of that highstate, or of a trial of it. Without the master among them, or with a master that holds no swarm,
        nothing can be done.
    stacks
        Ids of the nodes whose stacks it is about; none for all.
    """
    found = {result.id: result for result in results}
    if MASTER not in found or not _holds_a_swarm(found[MASTER]):
        return []
    # A node that the manager removed does not know of it: only the manager does.
    missing = {row.name for row in _rows(found[MASTER]) if row.function == MEMBER and row.result is not True}
    joining = [
        name
        for name, result in found.items()
        if federation.nodes[name].role == Role.WORKER
        and (federation.nodes[name].hostname in missing or _to_do(result, JOINED))
        and any(row.function == JOINED for row in _rows(result))
    ]
    waiting = tuple(
        name
        for name, result in found.items()
        if federation.nodes[name].role == Role.UI and any(row.sls == FRONT_END and _open(row) for row in _rows(result))
    )
    ui = Phase("ui", "looks for the master again", FRONT_END, waiting)
    if joining:
        join = Phase("join", "joins the swarm", "mip.swarm.worker", tuple(joining), keyed=True)
        deploys = f"deploys exareme on {', '.join(stacks) or 'every node'}"
        todo = [join, Phase("stacks", deploys, "mip.stacks", (MASTER,)), ui]
    else:
        # What the master could not do, more patience does not.
        todo = [ui] if found[MASTER].kind in (Kind.OK, Kind.CHANGED) else []
    return [phase for phase in todo if phase.nodes]


def may_go_on(result: NodeResult) -> bool:
    """Say whether a node is likely to be asked again after a highstate that ended so there."""
    return any(
        row.function == MANAGER or (_open(row) and (row.function == JOINED or row.sls == FRONT_END))
        for row in _rows(result)
    )


def key_from(data: Any) -> dict[str, Any] | None:
    """Return what a worker needs to join, of what the master said; None if it said something else."""
    if not isinstance(data, dict):
        return None
    token, manager, known = data.get("token"), data.get("manager_id"), data.get("known")
    if not (isinstance(token, str) and TOKEN.match(token) and isinstance(manager, str) and SWARM_NODE.match(manager)):
        return None
    if not isinstance(known, list) or not all(isinstance(one, str) and SWARM_NODE.match(one) for one in known):
        return None
    try:
        address = str(ipaddress.ip_address(str(data.get("address"))))
    except ValueError:
        return None
    return {"token": token, "manager_id": manager, "address": address, "known": known[:MAX_KNOWN]}


def merged(before: NodeResult, after: NodeResult) -> NodeResult:
    """Return one result of two runs on a node: what the later one says, and what both changed."""
    seconds = before.seconds + after.seconds
    if not isinstance(before.data, StateRun) or not isinstance(after.data, StateRun):
        return replace(after, seconds=seconds, changed=before.changed + after.changed)
    rows = {(row.function, row.id): row for row in before.data.rows}
    for row in after.data.rows:
        old = rows.get((row.function, row.id))
        kept = old and old.would_change and row.result and not row.would_change
        rows[row.function, row.id] = old if old and kept else row
    run = _counted(rows.values())
    kind = Kind.FAILED if run.failed else Kind.CHANGED if run.changed else Kind.OK
    if after.kind not in (Kind.OK, Kind.CHANGED, Kind.FAILED):
        kind = after.kind
    told = after if after.error or not run.failed else before
    return replace(told, kind=kind, data=run, seconds=seconds, changed=run.changed, failed=run.failed)


def kept_out(before: NodeResult, err: NodeFailed) -> NodeResult:
    """Return the result of a worker that is not let join: its own state of joining says why."""
    run = _counted(
        replace(row, result=False, comment=err.message) if row.function == JOINED else row for row in _rows(before)
    )
    return replace(before, kind=Kind.FAILED, data=run, failed=run.failed, error=err.message, hint=err.hint)


def without(todo: Sequence[Phase], nodes: Collection[str]) -> list[Phase]:
    """Return phases in which some workers do not join; none at all if no other does."""
    left = [
        replace(phase, nodes=tuple(name for name in phase.nodes if name not in nodes)) if phase.keyed else phase
        for phase in todo
    ]
    return left if all(phase.nodes for phase in left) else []


def _counted(rows: Iterable[StateRow]) -> StateRun:
    told = tuple(rows)
    changed = sum(row.would_change for row in told)
    failed = sum(row.result is False for row in told)
    return StateRun(told, len(told) - changed - failed, changed, failed)


def _rows(result: NodeResult) -> Sequence[StateRow]:
    return result.data.rows if isinstance(result.data, StateRun) else ()


def _open(row: StateRow) -> bool:
    return row.result is not True


def _to_do(result: NodeResult, function: str) -> bool:
    return any(row.function == function and _open(row) for row in _rows(result))


def _holds_a_swarm(result: NodeResult) -> bool:
    """Say whether the master's swarm and network are there, or would be."""
    needed = [row for row in _rows(result) if row.function in (MANAGER, "mip_swarm_network.present")]
    return len(needed) == 2 and all(row.result is not False for row in needed)

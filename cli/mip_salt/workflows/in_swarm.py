"""What a node means to the swarm that runs: let tasks run on it, or none, and take it out, from the master."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mip_salt.federation.folder import Folder
from mip_salt.federation.node_ids import Role
from mip_salt.printable import printable
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.run import collect, run
from mip_salt.versions.for_nodes import in_use
from mip_salt.workflows.joining import MASTER

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

# Seconds for one answer; and for tasks to end, or to run again: 10 pass before a forgotten one is tried anew.
ANSWER, AGAIN = 60, 60
GOOD = (Kind.OK, Kind.CHANGED)


def runs(folder: Folder) -> bool:
    """Say whether anything of MIP runs on the nodes, by the version in use.

    Raises Damaged if that is damaged.
    """
    return in_use(folder) is not None


def workers(folder: Folder, federation: Federation, names: Sequence[str]) -> list[str]:
    """Return those of some nodes on which the swarm may run tasks: workers, once a version is in use."""
    if not runs(folder):
        return []
    rows = federation.nodes
    return [name for name in names if rows[name].role == Role.WORKER and rows[name].hostname]


def let_work(folder: Folder, federation: Federation, names: Sequence[str], *, work: bool) -> list[NodeResult]:
    """Have the swarm run its tasks on workers again, or none on them; return one result a worker.

    The federation is held, its generated files are fresh, and its vault is open. What could not be done comes with the
    next apply of the master, and the result says so.

    Raises what ``run`` raises before any node is asked.
    """
    found = []
    for name in names:
        result = _let_work(folder, federation, name, work=work)
        if result.kind not in GOOD:
            what = "lets its tasks run again" if work else "drains it"
            hint = f"{result.hint} The next apply {what}: mip-salt -f {folder.name} apply".strip()
            result = replace(result, id=name, hint=hint)
        found.append(result)
        if result.kind is Kind.INTERRUPTED:
            break
    return found


def _let_work(folder: Folder, federation: Federation, name: str, *, work: bool) -> NodeResult:
    hostname = federation.nodes[name].hostname or ""
    master = federation.nodes.get(MASTER)
    if master is None or not master.enabled:
        why, hint = (
            ("is disabled", f"mip-salt -f {folder.name} node enable {MASTER}.") if master else ("is missing", "")
        )
        return NodeResult(name, Kind.FAILED, error=f"the swarm does not know it yet: the master {why}", hint=hint)
    asked = _ask(folder, federation, MASTER, "mip_swarm_node.let_work", hostname, work)
    if asked.kind not in GOOD:
        return _not_asked(asked)
    nodes = [one for one in asked.data if isinstance(one, dict)] if isinstance(asked.data, list) else []
    wanted = "active" if work else "drain"
    kind = Kind.CHANGED if any(one.get("availability") != wanted for one in nodes) else Kind.OK
    done = replace(asked, id=name, kind=kind, data=None)
    if not nodes:
        return replace(done, hint="it has not joined the swarm, so nothing runs on it")
    if all(one.get("state") == "down" for one in nodes):
        then = "its tasks run" if work else "no task runs on it"
        return replace(done, hint=f"its machine is down, as the master sees it; {then} when that is back")
    return (_runs_again if work else _is_idle)(folder, federation, done, hostname)


def _is_idle(folder: Folder, federation: Federation, done: NodeResult, hostname: str) -> NodeResult:
    """Return how it went once its tasks were waited for to end."""
    waited = _ask(folder, federation, MASTER, "mip_swarm_node.at_work", hostname, AGAIN)
    if waited.kind not in GOOD:
        return _not_asked(waited)
    if waited.data == 0:
        return replace(done, hint="drained: no task runs on it")
    error = f"it is drained, and tasks still run on it after {AGAIN} s"
    return replace(waited, id=done.id, kind=Kind.FAILED, error=error, data=None)


def _runs_again(folder: Folder, federation: Federation, done: NodeResult, hostname: str) -> NodeResult:
    """Return how it went once its stack was waited for."""
    waited = _ask(folder, federation, MASTER, "mip_stack.wait", hostname, AGAIN)
    if waited.kind not in GOOD:
        return _not_asked(waited)
    told: dict[str, Any] = waited.data if isinstance(waited.data, dict) else {}
    wanted, running, why = told.get("wanted"), told.get("running"), told.get("why")
    if not wanted:
        return replace(done, hint="it has no stack yet, which apply deploys")
    if isinstance(wanted, int) and isinstance(running, int) and running >= wanted:
        return replace(done, hint="its tasks run again")
    reasons = "; ".join(printable(one) for one in why[:5]) if isinstance(why, list) else ""
    error = f"its tasks do not run after {AGAIN} s: {reasons or 'why is not known'}"
    return replace(waited, id=done.id, kind=Kind.FAILED, error=error, data=None)


def take_out(folder: Folder, federation: Federation, name: str, progress: Callable[[str, str], None]) -> list[str]:
    """Take a node out of what runs; return what stays, and the command that takes it away, a text each.

    A worker's stack goes off the master, then the worker leaves the swarm, then the master forgets it. What runs on a
    master or ui stays: its end is the operator's to want.

    The federation is held, its generated files are fresh, and its vault is open.
    """
    node = federation.nodes[name]
    if not runs(folder):
        return []
    if node.role == Role.MASTER:
        return ["Its swarm, and what runs in it, goes on. To end it, on its machine: docker swarm leave --force"]
    if node.role == Role.UI:
        label = "label=com.docker.compose.project=mipfederation"
        return [
            "The web front end goes on running. To end it, on its machine: "
            f"docker rm --force $(docker ps --all --quiet --filter {label})"
        ]
    hostname, stays = node.hostname or "", []
    if not hostname:
        return []
    progress(name, "taking its stack off the master")
    master = federation.nodes.get(MASTER)
    error = "" if master and master.enabled else "it is disabled, or not there"
    if not error:
        error = _failed(_ask(folder, federation, MASTER, "mip_stack.remove", hostname))
    progress(name, "leaving the swarm")
    left = _failed(_leave(folder, federation, name))
    if not error:
        error = _failed(_ask(folder, federation, MASTER, "mip_swarm_node.remove", hostname))
    if error:
        stays.append(
            f"The master may still have its stack and its entry ({error}). There: docker stack rm {hostname}; "
            f"docker node rm --force {hostname}"
        )
    if left:
        stays.append(f"Its engine may still take itself for a worker ({left}). There: docker swarm leave")
    return stays


def _leave(folder: Folder, federation: Federation, name: str) -> NodeResult:
    master, node = federation.nodes.get(MASTER), federation.nodes[name]
    if not node.enabled:  # a disabled one leaves too
        nodes = {**federation.nodes, name: node.model_copy(update={"enabled": True})}
        federation = federation.model_copy(update={"nodes": nodes})
    # Without a master's address only what was noted there tells our swarm from another.
    return _ask(folder, federation, name, "mip_swarm.leave", master.address if master else "0.0.0.0")  # noqa: S104


def _failed(result: NodeResult) -> str:
    return "" if result.kind in GOOD else result.error or str(result.kind)


def _not_asked(result: NodeResult) -> NodeResult:
    return replace(result, error=f"the master does not do it: {result.error or result.kind}", data=None)


def _ask(folder: Folder, federation: Federation, node: str, function: str, *args: Any) -> NodeResult:
    deadline = min(federation.settings.deadline, ANSWER + AGAIN)
    asked = run(folder, federation, [node], function, args, deadline=deadline, jobs=1)
    return collect(asked, [node], lambda _: None)[0]

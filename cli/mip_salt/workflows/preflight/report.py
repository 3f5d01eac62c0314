"""The preflight as one report: what was found of each node and each way, what it comes to, and whether to go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mip_salt.errors import NodeFailed, worst
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.node_ids import Role, order_of
from mip_salt.workflows.findings import Finding, Level, exit_code
from mip_salt.workflows.preflight.judge import Verdict, verdicts
from mip_salt.workflows.preflight.machines import machine
from mip_salt.workflows.preflight.run import Tried, try_ways

SERIOUSNESS = (Level.FAIL, Level.WARN, Level.UNKNOWN, Level.OK)


@dataclass(frozen=True)
class Group:
    """Ways that are alike, told as one: from these nodes to those, by these ports."""

    sources: Sequence[str]
    targets: Sequence[str]
    ways: Sequence[str]
    level: Level
    said: str
    remedy: str

    @property
    def words(self) -> str:
        """Return it as one line."""
        return f"{', '.join(self.sources)} → {', '.join(self.targets)}: {', '.join(self.ways)}: {self.said}"


@dataclass(frozen=True)
class Report:
    """What a preflight found.

    nodes
        Of each node that it is about, and of every other that failed.
    ways
        How each way is.
    seconds
        How long it took.
    """

    members: Sequence[str]
    nodes: dict[str, list[Finding]]
    ways: list[Verdict]
    seconds: float

    def level(self, source: str, target: str) -> Level | None:
        """Return how it is from one node to another: the worst of its ways; None if nothing is needed."""
        found = {way.level for way in self.ways if (way.source, way.target) == (source, target)}
        return next((level for level in SERIOUSNESS if level in found), None)

    def groups(self) -> list[Group]:
        """Return the ways that are not well, the worst first, those that are alike together."""
        return sorted(_groups(self.ways), key=lambda group: SERIOUSNESS.index(group.level))

    def troubles(self) -> list[tuple[list[str], Finding]]:
        """Return what is not well with the nodes themselves, the worst first; what is alike is told once, of all."""
        alike: dict[Finding, list[str]] = {}
        for name, rows in self.nodes.items():
            for found in rows:
                if found.level is not Level.OK:
                    alike.setdefault(found, []).append(name)
        rows_ = [(names, found) for found, names in alike.items()]
        return sorted(rows_, key=lambda row: SERIOUSNESS.index(row[1].level))

    def exit_code(self) -> int:
        """Return the exit code that it means: the most serious failure's; a way that is shut is a failed node's, 7."""
        shut = (NodeFailed.exit_code for way in self.ways if way.level is Level.FAIL)
        return worst([*map(exit_code, self.nodes.values()), *shut])


def report_of(federation: Federation, tried: Tried) -> Report:
    """Return what was found."""
    about = [name for name in tried.members if name in tried.chosen or name in tried.failed or name not in tried.ready]
    nodes = {name: machine(federation, tried, name) for name in about}
    return Report(tried.members, nodes, verdicts(federation, tried), tried.seconds)


def obstacles(folder: Folder, federation: Federation, joining: Collection[str]) -> dict[str, NodeFailed]:
    """Return what keeps workers from joining the swarm: of each that cannot, the error that says all of it.

    joining
        Workers that are about to join; their ways to and from the master are tried, and they are looked at.

    For `apply`, once it knows that workers must join, and not before: an apply that finds everything in place asks
    nothing. What would end in timeouts ends here at once, with its cause. What is unknown, or only warned of, is no
    obstacle. The federation is held, and its vault is open.
    """
    master = next(name for name, node in federation.nodes.items() if node.role == Role.MASTER)
    report = report_of(federation, try_ways(folder, federation, joining, among=[*joining, master]))
    found = {}
    for name in joining:
        said = [f"{each.what}: {each.said}" for each in report.nodes.get(name, []) if each.level is Level.FAIL]
        shut = [way for way in report.ways if way.level is Level.FAIL and {way.source, way.target} == {name, master}]
        said += [group.words for group in _groups(shut)]
        if said:
            found[name] = NodeFailed(
                "it cannot join the swarm\n" + "\n".join(f"  {line}" for line in said),
                node=name,
                hint=f"What to do about each: mip-salt -f {federation.federation} check --node {name}",
            )
    return found


def _groups(ways: Iterable[Verdict]) -> list[Group]:
    """Put ways that are alike together: first the ports of a pair, then the senders to a node, or those it sends to."""
    pairs: dict[tuple[str, str], dict[tuple[Level, str], list[Verdict]]] = {}
    for way in ways:
        if way.level is not Level.OK:
            pairs.setdefault((way.source, way.target), {}).setdefault((way.level, way.said), []).append(way)
    alike: dict[tuple[Level, str, tuple[str, ...]], list[tuple[tuple[str, str], str]]] = {}
    for pair, by_kind in pairs.items():
        for (level, said), each in by_kind.items():
            alike.setdefault((level, said, tuple(way.way for way in each)), []).append((pair, each[0].remedy))
    found = []
    for (level, said, names), rows in alike.items():
        left = dict(rows)
        while left:
            whole = [_all_of(left, end) for end in (0, 1)]
            best = max(whole, key=len)
            ends = [sorted({pair[end] for pair in best}, key=order_of) for end in (0, 1)]
            found.append(Group(ends[0], ends[1], names, level, said, left[best[0]]))
            for pair in best:
                del left[pair]
    return found


def _all_of(pairs: Collection[tuple[str, str]], end: int) -> list[tuple[str, str]]:
    """Return the pairs that share the node which most of them share at one end."""
    by_node: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        by_node.setdefault(pair[end], []).append(pair)
    return max(by_node.values(), key=len)

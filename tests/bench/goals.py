"""The goals of issue 5, and whether measured figures meet them; a goal is a ratio of medians of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from bench.measure import Cost
from bench.works import FIRST, HOSTNAME, HOSTNAME_AGAIN, PING, TRUE, TRUE_AGAIN

OURS = "mip-salt"
FEW, MANY = 3, 30
A_NODE, A_FURTHER_NODE = "a node", "each further node"
# A run: what was measured of a work, by a tool, on so many nodes.
Costs = Mapping[tuple[int, str, str], list[Cost]]


@dataclass(frozen=True)
class Goal:
    """What mip-salt's cost may be at most.

    peer
        The tool it is compared with. A_NODE: none, limit is the whole cost by the number of nodes. A_FURTHER_NODE:
        limit is what each node beyond the FEW adds.
    theirs
        The work of the peer's, if it is not the same.
    """

    work: str
    peer: str
    metric: str
    limit: float
    nodes: int = FEW
    theirs: str = ""

    @property
    def what(self) -> str:
        """Return in words what is compared with what."""
        metric = METRICS[self.metric]
        return f"{metric}, {self.peer}" if self.peer in (A_NODE, A_FURTHER_NODE) else f"{metric} / {self.peer}'s"


@dataclass(frozen=True)
class Verdict:
    """How a goal stands; value is None if one of its sides was not measured."""

    goal: Goal
    value: float | None

    @property
    def met(self) -> bool | None:
        """Say whether it is met; None if nobody knows."""
        return None if self.value is None else self.value <= self.goal.limit


METRICS = {"wall": "wall", "cpu": "all CPU", "push": "pusher CPU in s", "memory": "pusher MB"}

GOALS = [
    Goal(HOSTNAME, "ssh", "wall", 1.5),
    Goal(HOSTNAME_AGAIN, "ssh", "wall", 1.0, theirs=HOSTNAME),
    Goal(PING, "salt-ssh", "wall", 0.45),
    Goal(TRUE, "salt-ssh", "wall", 0.25),
    Goal(TRUE, "pyinfra", "wall", 0.75),
    Goal(TRUE, "ansible default", "wall", 0.15),
    Goal(TRUE, "ansible mitogen", "wall", 0.4),
    Goal(TRUE, "salt-ssh", "cpu", 0.35),
    Goal(TRUE, "pyinfra", "cpu", 1.2),
    Goal(TRUE_AGAIN, "pyinfra", "wall", 0.15, theirs=TRUE),
    Goal(FIRST, "salt-ssh", "wall", 0.35),
    Goal(FIRST, "pyinfra", "wall", 1.7),
    Goal(TRUE, "salt-ssh", "wall", 0.35, MANY),
    Goal(TRUE, "pyinfra", "wall", 1.3, MANY),
    Goal(TRUE, A_NODE, "push", 0.12, MANY),
    Goal(TRUE, A_FURTHER_NODE, "memory", 1.5, MANY),
]


def figure(costs: Iterable[Cost], metric: str) -> float | None:
    """Return the median of a metric: seconds, or megabytes; None if it was not measured in every run.

    metric
        ``wall``, ``push``, ``node``, ``cpu`` (those two together), ``memory``.
    """
    values = [_value(cost, metric) for cost in costs]
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


def judge(costs: Costs, goals: Iterable[Goal] = tuple(GOALS)) -> list[Verdict]:
    """Return how each goal stands."""
    return [Verdict(goal, _standing(costs, goal)) for goal in goals]


def _standing(costs: Costs, goal: Goal) -> float | None:
    ours = figure(costs.get((goal.nodes, OURS, goal.work), ()), goal.metric)
    if ours is None:
        return None
    if goal.peer == A_NODE:
        return ours / goal.nodes
    if goal.peer == A_FURTHER_NODE:
        few = figure(costs.get((FEW, OURS, goal.work), ()), goal.metric)
        return None if few is None else (ours - few) / (goal.nodes - FEW)
    theirs = figure(costs.get((goal.nodes, goal.peer, goal.theirs or goal.work), ()), goal.metric)
    return ours / theirs if theirs else None


def _value(cost: Cost, metric: str) -> float | None:
    if metric == "cpu":
        return None if cost.push is None or cost.node is None else cost.push + cost.node
    if metric == "memory":
        return cost.memory / 1e6 if cost.memory else None
    return {"wall": cost.wall, "push": cost.push, "node": cost.node}[metric]

"""What was measured, as tables: for the terminal, and as the page docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.goals import Costs, Verdict, figure, judge
from bench.measure import Cost
from bench.works import MEANINGS

COLUMNS = ("NODES", "WORK", "TOOL", "WALL", "SPREAD", "PUSHER CPU", "NODE CPU", "MEMORY")
GOAL_COLUMNS = ("GOAL", "AT MOST", "IS", "MET")
HELD = "## What holds the goals that are not met"
NOBODY_SAID = "Nobody has looked yet."


@dataclass(frozen=True)
class Run:
    """One run of the bench.

    runs
        How often each call was measured.
    kinds
        What the nodes were, by their number.
    versions
        Of the tools, by name.
    failures
        What did not do its work, in words.
    """

    date: str
    machine: str
    runs: int
    kinds: Mapping[int, str]
    versions: Mapping[str, str]
    costs: Costs
    failures: Sequence[str] = field(default_factory=tuple)


def rows(costs: Costs) -> list[tuple[str, ...]]:
    """Return the rows of COLUMNS: medians in seconds and MB, and from the least to the most wall."""
    works = list(MEANINGS)
    order = sorted(costs, key=lambda key: (key[0], works.index(key[2])))
    return [(str(nodes), work, tool, *_figures(costs[nodes, tool, work])) for nodes, tool, work in order]


def goal_rows(verdicts: Iterable[Verdict]) -> list[tuple[str, str, str, str]]:
    """Return the rows of GOAL_COLUMNS."""
    said = {True: "yes", False: "no", None: "not measured"}
    return [(v.goal.name, f"{v.goal.limit:g}", _number(v.value), said[v.met]) for v in verdicts]


def page(run: Run, held: str) -> str:
    """Return docs/benchmarks.md.

    held
        What an engineer says of the goals that are not met; see held_in.
    """
    verdicts = judge(run.costs)
    met, known = sum(v.met is True for v in verdicts), sum(v.met is not None for v in verdicts)
    parts = [
        "# Benchmarks",
        f"Written by `make bench` on {run.date}; nothing here but the last section is typed by hand. Each figure is "
        f"the median of {run.runs} runs, the tools in turn on the same nodes, each run a whole process with no "
        "connection left from before.",
        "\n".join([*_bullets(run)]),
        f"## Goals\n\n{met} of {known} measured goals are met; each is a ratio of medians, or a figure a node.",
        _table(GOAL_COLUMNS, goal_rows(verdicts)),
        "## Figures\n\nSeconds and MB. CPU is that of all processes, here (with detached ssh masters and the vault's "
        "agents) and on all nodes together; memory is anonymous memory of all processes here, at the peak.",
        _table(COLUMNS, rows(run.costs)),
        "## What is measured\n\n"
        "All tools log in as the same user and use sudo. The ten states: the confirmed hostname, a group, a user, two "
        "packages, a folder, a file from a template, a file with a secret, a service, a line in /etc/hosts, a key of "
        "a user. To mip-salt and salt-ssh the secret comes out of the unlocked vault; to the others in clear, which "
        "costs them nothing. `mip-salt status` stands for the hostname: it tells that, and a node's health.",
        "\n".join(f"- *{name}*: {meaning}" for name, meaning in MEANINGS.items()),
        f"{HELD}\n\n{held or NOBODY_SAID}",
    ]
    if run.failures:
        parts.insert(5, "Did not do their work:\n\n" + "\n".join(f"- {failure}" for failure in run.failures))
    return "\n\n".join(parts) + "\n"


def held_in(path: Path) -> str:
    """Return what an engineer wrote into the last section of the page that is there, so that the next one keeps it."""
    try:
        return path.read_text("utf-8").partition(HELD)[2].strip()
    except FileNotFoundError:
        return ""


def _bullets(run: Run) -> list[str]:
    kinds = [f"- {nodes} nodes: {kind}" for nodes, kind in sorted(run.kinds.items())]
    return [f"- machine: {run.machine}", *kinds, f"- tools: {', '.join(run.versions.values())}"]


def _figures(costs: Sequence[Cost]) -> tuple[str, ...]:
    walls = [cost.wall for cost in costs]
    spread = f"{_number(min(walls))} to {_number(max(walls))}"
    return (
        _number(figure(costs, "wall")),
        spread,
        *(_number(figure(costs, metric)) for metric in ("push", "node", "memory")),
    )


def _number(value: float | None) -> str:
    """Return a figure with as many digits as mean something."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)])

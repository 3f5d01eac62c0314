"""What was measured, as tables: for the terminal, and as the page docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.goals import Costs, Verdict, figure, judge
from bench.measure import Cost
from bench.works import MEANINGS

COLUMNS = ("TOOL", "WALL", "LEAST", "MOST", "PUSHER CPU", "NODE CPU", "MB")
GOAL_COLUMNS = ("NODES", "WORK", "WHAT", "AT MOST", "IS", "MET")
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


def tables(costs: Costs) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield for each work on each number of nodes a title, and the rows of COLUMNS: medians in seconds and MB."""
    works = list(MEANINGS)
    for nodes, work in sorted({(nodes, work) for nodes, _, work in costs}, key=lambda k: (k[0], works.index(k[1]))):
        known = {tool: of for (number, tool, what), of in costs.items() if (number, what) == (nodes, work)}
        yield f"{nodes} nodes: {work}", [(tool, *_figures(of)) for tool, of in known.items()]


def goal_rows(verdicts: Iterable[Verdict]) -> list[tuple[str, ...]]:
    """Return the rows of GOAL_COLUMNS."""
    said = {True: "yes", False: "no", None: "not measured"}
    return [
        (str(v.goal.nodes), v.goal.work, v.goal.what, f"{v.goal.limit:g}", _number(v.value), said[v.met])
        for v in verdicts
    ]


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
        "\n".join(_bullets(run)),
        f"## Goals\n\n{met} of {known} measured goals are met; a goal is a ratio of medians unless it says otherwise.",
        _table(GOAL_COLUMNS, goal_rows(verdicts)),
        "## Figures\n\nSeconds and MB. CPU is that of all processes, here (with detached ssh masters and the vault's "
        "agents) and on all nodes together; memory is anonymous memory of all processes here, at the peak.",
        *(f"### {title}\n\n{_table(COLUMNS, lines)}" for title, lines in tables(run.costs)),
        "## What is measured\n\n"
        "All tools log in as the same user and use sudo. The ten states: the confirmed hostname, a group, a user, two "
        "packages, a folder, a file from a template, a file with a secret, a service, a line in /etc/hosts, a key of "
        "a user. To mip-salt and salt-ssh the secret comes out of the unlocked vault; to the others in clear, which "
        "costs them nothing. `mip-salt status` stands for the hostname: it tells that, and a node's health.",
        "\n".join(f"- *{name}*: {meaning}" for name, meaning in MEANINGS.items()),
        f"{HELD}\n\n{held or NOBODY_SAID}",
    ]
    if run.failures:
        first_lines = [failure.partition("\n")[0] for failure in run.failures]
        parts.insert(5, "Did not do their work, and are left out:\n\n" + "\n".join(f"- {line}" for line in first_lines))
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
    medians = {metric: _number(figure(costs, metric)) for metric in ("wall", "push", "node", "memory")}
    return (
        *(medians["wall"], _number(min(walls)), _number(max(walls))),
        *(medians["push"], medians["node"], medians["memory"]),
    )


def _number(value: float | None) -> str:
    """Return a figure with as many digits as mean something."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)])

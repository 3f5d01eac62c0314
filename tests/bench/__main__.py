"""Measure, show, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path

from mip_salt.terminal import Terminal

from bench.goals import FEW, MANY, OURS, judge
from bench.light import light
from bench.measure import Call, Cost, NotDone, Stand
from bench.nodes import Nodes, base_image, booted, given
from bench.peers import everyone
from bench.report import COLUMNS, GOAL_COLUMNS, Run, goal_rows, held_in, page, tables
from bench.site import site
from bench.tools import environments
from bench.works import HOSTNAME, MEANINGS, TRUE

PROJECT = Path(__file__).parents[2]
RUNS = 5
# Who is measured on many nodes: nobody waits for the slow ones there.
SCALE = {
    10: (OURS, "ssh", "pyinfra", "salt-ssh"),
    MANY: (OURS, "ssh", "pyinfra", "salt-ssh"),
    100: (OURS, "ssh", "pyinfra"),
}
Costs = dict[tuple[int, str, str], list[Cost]]


def main() -> int:
    """Run the bench as the command line says; return 0, or 1 if something did not do its work."""
    wish = _wish()
    terminal = Terminal()
    # Ended from outside, it still ends what it began.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()

    def say(line: str) -> None:
        terminal.say(f"{time.monotonic() - start:7.1f} s  {line}")

    venvs = environments(wish.cache, say)
    costs: Costs = defaultdict(list)
    kinds, versions, failures = {}, {}, []
    for count in wish.count:
        with _nodes(wish, count, say) as nodes, site(nodes, venvs, say) as (made, stand):
            number = len(nodes.nodes)
            kinds[number] = nodes.kind
            peers = [p for p in everyone() if wish.tools is None or p.name in wish.tools]
            peers = [p for p in peers if number not in SCALE or p.name in SCALE[number]]
            calls = {(p.name, work): call for p in peers for work, call in p.calls(made).items()}
            if wish.work:
                calls = {key: call for key, call in calls.items() if key[1] in wish.work}
            elif number in SCALE:
                calls = {key: call for key, call in calls.items() if key[1] in (HOSTNAME, TRUE)}
            versions |= {p.name: p.version(made) for p in peers}
            failures += _measure(calls, number, stand, wish.runs, costs, say)
    run = Run(_now(), _machine(), wish.runs, kinds, versions, costs, failures)
    for title, rows in tables(costs):
        terminal.title(title)
        terminal.table(COLUMNS, rows)
    terminal.title("Goals")
    terminal.table(GOAL_COLUMNS, goal_rows(judge(costs)))
    for failure in failures:
        terminal.warning(failure)
    if wish.page:
        wish.page.write_text(page(run, held_in(wish.page)), "utf-8")
        terminal.success(f"{wish.page} is written")
    return 1 if failures else 0


def _measure(
    calls: dict[tuple[str, str], Call], number: int, stand: Stand, runs: int, costs: Costs, say: Callable[[str], None]
) -> list[str]:
    """Measure all calls in turn, so many times; return what did not do its work, and is then left out.

    A first round is not measured: it fills the tools' caches here. In each that follows another call begins.
    """
    failures = []
    for turn in range(-1, runs):
        keys = list(calls)
        for tool, work in keys[max(turn, 0) :] + keys[: max(turn, 0)]:
            try:
                cost = stand.measured(calls[tool, work])
            except NotDone as err:
                failures.append(f"{number} nodes, {work}, {tool}: {err}")
                say(failures[-1])
                del calls[tool, work]
                costs.pop((number, tool, work), None)
                continue
            if turn >= 0:
                costs[number, tool, work].append(cost)
        say(f"{number} nodes: {'rehearsed' if turn < 0 else f'run {turn + 1} of {runs}'}")
    return failures


def _nodes(wish: argparse.Namespace, count: int, say: Callable[[str], None]) -> AbstractContextManager[Nodes]:
    if wish.nodes:
        return given(wish.nodes)
    if wish.light or count != FEW:
        return light(count, base_image(wish.cache / "base", say), wish.cache / "light")
    return booted(count, wish.cache / "base", say)


def _wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make bench", description=__doc__)
    add = parser.add_argument
    add("--runs", type=int, default=RUNS, help="how often each call is measured")
    add("--count", type=int, nargs="+", default=[FEW, *SCALE], help="on how many nodes, one after another")
    add("--light", action="store_true", help="light nodes even where booted ones are usual")
    add("--nodes", type=Path, help="measure on the nodes of this nodes file alone")
    add("--tools", nargs="+", help="measure these alone")
    add("--work", nargs="+", choices=list(MEANINGS), help="measure this work alone")
    add("--cache", type=Path, default=PROJECT / "build" / "bench", help="where environments and disks lie")
    add("--page", type=Path, help="write the page here")
    wish = parser.parse_args()
    if wish.nodes:
        wish.count = [0]
    wish.cache = wish.cache.absolute()
    return wish


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} CPUs, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}; "
        f"load {os.getloadavg()[2]:.1f} in the last quarter of an hour"
    )


if __name__ == "__main__":
    sys.exit(main())

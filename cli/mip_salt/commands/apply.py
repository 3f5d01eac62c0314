"""`mip-salt apply`: bring the nodes to what the federation says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from mip_salt.federation.model import Federation
    from mip_salt.remote.results import NodeResult
    from mip_salt.terminal import Terminal
    from mip_salt.workflows.apply import Event

MOST_FAILURES = 20
COLUMNS = ("NODE", "ROLE", "HOSTNAME", "RESULT", "OK", "CHANGED", "FAILED", "SECONDS")


@click.command()
@click.option(
    "--node",
    "nodes",
    metavar="NODE",
    multiple=True,
    shell_complete=complete_nodes,
    help="Only this node: its id, hostname or address.",
)
@click.option("--test", is_flag=True, help="Say what would change, and change nothing.")
@shared_options
@pass_request
def apply(request: Request, nodes: tuple[str, ...], test: bool) -> int:
    """Bring the nodes to what the federation says: the highstate, on all of them side by side.

    What is right already stays as it is, so it may be run as often as you like. The exit code is that of the most
    serious node: 3 trust refused, 4 login refused, 6 busy or damaged, 7 a state failed, 5 unreachable.

    \b
      mip-salt -f brain apply --test
      mip-salt -f brain apply
      mip-salt -f brain apply --node wk1 --json
    """
    return run_apply(request, nodes, test=test)


def run_apply(request: Request, nodes: tuple[str, ...], *, test: bool) -> int:
    """Apply, or test, and show it; return the exit code."""
    from mip_salt.commands.show import document
    from mip_salt.federation.document import load
    from mip_salt.federation.generate import refresh
    from mip_salt.federation.select import select
    from mip_salt.remote.results import exit_code
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.apply import apply as run

    folder = request.folder()
    folder.check_private()
    federation = load(folder)
    chosen = select(federation, nodes)
    with request.held(folder, "apply --test" if test else "apply"):
        refresh(folder, federation)
        with open_session(folder, request.passphrase(folder)), request.terminal.live() as draw:
            progress = _Progress(request.terminal, draw, test=test)
            results = run(folder, federation, chosen, test=test, on_event=progress)
    if request.json_output:
        request.terminal.document(document(request, federation, results, set(chosen) - set(federation.enabled())))
    else:
        _show(request, federation, chosen, results, test=test)
    return exit_code(results)


class _Progress:
    """A line a node: drawn in place on a terminal, else said once when it begins and once when it ends."""

    def __init__(
        self, terminal: Terminal, draw: Callable[[Sequence[Sequence[str]]], None] | None, *, test: bool
    ) -> None:
        self.terminal, self.draw, self.test = terminal, draw, test
        self.began: dict[str, float] = {}
        self.ended: dict[str, tuple[str, ...]] = {}

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        if event.what == "started":
            self.began[event.node] = time.monotonic()
        elif event.what == "skipped":
            self.ended[event.node] = (event.node, "disabled", "skipped")
        elif event.result:
            self.ended[event.node] = (event.node, str(event.result.kind), _in_short(event.result, test=self.test))
        if self.draw:
            self.draw([self.ended.get(name) or self._working(name) for name in {**self.ended, **self.began}])
        elif event.what == "started":
            self.terminal.say(f"{event.node}: working")
        elif event.node in self.ended:
            self.terminal.say(": ".join(self.ended[event.node]))

    def _working(self, name: str) -> tuple[str, ...]:
        return name, "working", f"{time.monotonic() - self.began[name]:.0f} s"


def _in_short(result: NodeResult, *, test: bool) -> str:
    did = "to change" if test else "changed"
    counts = f"{result.changed} {did}, {result.failed} failed" if result.changed or result.failed else ""
    return ", ".join(filter(None, (counts, f"{result.seconds:.1f} s")))


def _show(
    request: Request, federation: Federation, chosen: Sequence[str], results: Sequence[NodeResult], *, test: bool
) -> None:
    from mip_salt.commands.show import show_failure
    from mip_salt.remote.results import Kind
    from mip_salt.remote.states import StateRun

    found, rows = {result.id: result for result in results}, []
    for name in chosen:
        node, result = federation.nodes[name], found.get(name)
        who = (name, str(node.role), node.hostname or "")
        if result is None:
            rows.append((*who, "disabled", "", "", "", ""))
            continue
        run = result.data if isinstance(result.data, StateRun) else None
        counts = (str(run.ok), str(run.changed), str(run.failed)) if run else ("", "", "")
        rows.append((*who, str(result.kind), *counts, f"{result.seconds:.1f}"))
    terminal = request.terminal
    terminal.table(tuple("TO CHANGE" if c == "CHANGED" and test else c for c in COLUMNS), rows, kind_column=3)
    for result in results:
        if result.kind in (Kind.OK, Kind.CHANGED):
            continue
        show_failure(request, result)
        failures = result.data.failures() if isinstance(result.data, StateRun) else []
        for row in failures[:MOST_FAILURES]:
            terminal.warning(f"{result.id}: {row.function} {row.id} ({row.name}): {row.comment}")
        if len(failures) > MOST_FAILURES:
            terminal.warning(f"{result.id}: and {len(failures) - MOST_FAILURES} more")
    if test and all(result.kind in (Kind.OK, Kind.CHANGED) for result in results):
        terminal.say("This was a test: nothing was changed.")

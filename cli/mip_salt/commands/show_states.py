"""How a state run is shown: a table of the nodes, then what changed and what failed on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mip_salt.commands.progress import in_words
from mip_salt.commands.show import show_failure
from mip_salt.remote.arguments import reproducing, words
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.states import StateRow, StateRun
from mip_salt.vault.values import MASK

if TYPE_CHECKING:
    from mip_salt.commands.context import Request
    from mip_salt.federation.folder import Folder
    from mip_salt.federation.model import Federation
    from mip_salt.workflows.joining import Phase

COLUMNS = ("NODE", "ROLE", "HOSTNAME", "RESULT", "OK", "CHANGED", "FAILED", "SECONDS")
UNMET = "One or more requisite failed"  # Salt's own words (read in 3008.3, state.py)
OURS = "mip_"  # what states of our own are called: they never tell secrets
MOST = 20  # states of a node that are shown without -v


class StateReport:
    """What the operator is told of a state run.

    narrowed
        The options that chose the nodes, as a command takes them; empty where it was about all.
    test
        It was a test: what changed would change.
    does
        The command that does what was tested.
    secrets
        For each node, texts that are masked wherever they stand; None shows only the names of what changed.
    """

    def __init__(
        self,
        request: Request,
        folder: Folder,
        federation: Federation,
        *,
        test: bool,
        secrets: Mapping[str, Sequence[str]] | None,
        narrowed: Sequence[str] = (),
        does: str = "apply",
    ) -> None:
        self.request, self.folder, self.federation = request, folder, federation
        self.test, self.secrets, self.narrowed, self.does = test, secrets, narrowed, does

    def show(self, chosen: Sequence[str], results: Sequence[NodeResult]) -> None:
        """Show the table, changes where they were asked for, and every failure."""
        terminal, found = self.request.terminal, {result.id: result for result in results}
        terminal.table(
            tuple("TO CHANGE" if c == "CHANGED" and self.test else c for c in COLUMNS),
            [self._row(name, found.get(name)) for name in chosen],
            kind_column=3,
        )
        for result in results:
            self._changes(result)
        for result in results:
            if result.kind not in (Kind.OK, Kind.CHANGED):
                failed = sum(row.result is False for row in _rows(result))
                # Each is told below.
                told = replace(result, error=f"{failed} of {len(_rows(result))} states failed") if failed else result
                show_failure(self.request, told)
                self._failures(result)
        if self.test and all(result.kind in (Kind.OK, Kind.CHANGED) for result in results):
            changed = sum(result.changed for result in results)
            command = " ".join(["mip-salt", "-f", self.folder.name, self.does, *self.narrowed])
            terminal.say(
                f"\nThis was a test: nothing was changed. Do it: {command}" if changed else "\nNothing to change."
            )

    def then(self, to_come: Sequence[Phase], installed: bool) -> None:
        """Say what is still to come: the phases that were not come to, or a version to run."""
        terminal = self.request.terminal
        if to_come:
            terminal.say("\nAfter that, in this order:" if self.test else "\nNot come to:")
            for phase in to_come:
                terminal.say(f"  {in_words(phase)}")
        if not installed:
            terminal.say("\nNo version of MIP is installed, so the nodes are prepared, and nothing of it runs there.")
            terminal.say(f"Choose one: mip-salt -f {self.folder.name} install")

    def states(self, result: NodeResult) -> list[dict[str, Any]]:
        """Return the rows that changed or failed, for a JSON document."""
        return [
            {
                "state": row.id,
                "function": row.function,
                "name": row.name,
                "result": row.result,
                "comment": row.comment,
                "diff": list(self._diff(result.id, row)),
            }
            for row in _rows(result)
            if row.would_change or row.result is False
        ]

    def _row(self, name: str, result: NodeResult | None) -> tuple[str, ...]:
        node = self.federation.nodes[name]
        who = (name, str(node.role), node.hostname or "")
        if result is None:
            return (*who, "disabled", "", "", "", "")
        run = result.data if isinstance(result.data, StateRun) else None
        counts = (str(run.ok), str(run.changed), str(run.failed)) if run else ("", "", "")
        return (*who, str(result.kind), *counts, f"{result.seconds:.1f}")

    def _changes(self, result: NodeResult) -> None:
        """Say what changed: always in a test, which is asked for nothing else, and with --diff or -v."""
        terminal = self.request.terminal
        rows = [row for row in _rows(result) if row.would_change]
        if not rows or not (self.test or self.secrets is not None or terminal.verbosity > 0):
            return
        terminal.title(f"{result.id} {'would change' if self.test else 'changed'}")
        for row in self._most(rows):
            # Its id already tells most; a name that repeats it tells nothing.
            terminal.say(f"  {row.function} {row.name}", "cyan")
            if self.test and row.function.startswith(OURS):
                terminal.say(f"      {row.comment}")  # whether anything restarts, above all
            elif self.secrets is None:
                terminal.detail(f"      {row.id}: {row.comment}")
            for line in self._diff(result.id, row):
                terminal.say(f"      {line}", {"+": "green", "-": "red"}.get(line[:1], ""))

    def _failures(self, result: NodeResult) -> None:
        terminal = self.request.terminal
        failed = [row for row in _rows(result) if row.result is False]
        # What did not run because something else failed tells nothing of its own.
        own = [row for row in failed if not row.comment.startswith(UNMET)] or failed
        if len(own) < len(failed):
            terminal.warning(f"{result.id}: {len(failed) - len(own)} more did not run, because of these:")
        for row in self._most(own):
            terminal.warning(f"{result.id}: {row.function} {row.id} ({row.name}): {row.comment}")
            if row.sls:
                terminal.command(reproducing(self.folder.path, result.id, "state.sls_id", words([row.id, row.sls], {})))

    def _most(self, rows: Sequence[StateRow]) -> Iterator[StateRow]:
        terminal = self.request.terminal
        most = len(rows) if terminal.verbosity > 0 else MOST
        yield from rows[:most]
        if len(rows) > most:
            terminal.warning(f"and {len(rows) - most} more; -v shows all")

    def _diff(self, name: str, row: StateRow) -> Iterator[str]:
        """Yield the lines of what changed, without any secret of the vault."""
        if self.secrets is None:
            return
        for line in row.diff:
            for secret in self.secrets.get(name, ()):
                line = line.replace(secret, MASK)
            yield line


def _rows(result: NodeResult) -> Sequence[StateRow]:
    return result.data.rows if isinstance(result.data, StateRun) else ()

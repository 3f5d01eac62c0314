"""`mip-salt status`: how every node is, now or when it was last seen."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from mip_salt.commands.choosing import nodes_option
from mip_salt.commands.context import Request, jobs_option, pass_request, shared_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from mip_salt.federation.folder import Folder
    from mip_salt.terminal import Cell
    from mip_salt.workflows.status import Statuses

    Draw = Callable[[Sequence[str], Iterable[Sequence[Cell]], Iterable[str]], None]

EVERY = 5.0
TICK = 1.0


@click.command()
@nodes_option("Only this node, and all that is known of it")
@click.option(
    "--watch",
    "interval",
    metavar="[SECONDS]",
    type=click.FloatRange(min=1),
    is_flag=False,
    flag_value=EVERY,
    help=f"Ask again and again, every SECONDS ({EVERY:.0f}), until Ctrl-C.",
)
@jobs_option
@shared_options
@pass_request
def status(request: Request, nodes: tuple[str, ...], interval: float | None) -> int:
    """Show how every node is: reachable, its system, engine, disks and clock, and its last apply; the worst first.

    SEEN tells how old the facts of a line are. A node that does not answer keeps what was last seen of it, which is
    marked so; one that never answered was seen `never`. With --node or -v all facts are shown. The exit code is that
    of the most serious node: 3 trust refused, 4 login refused, 5 unreachable. Ctrl-C ends a watch well: 0.

    \b
      mip-salt -f brain status
      mip-salt -f brain status --node wk1
      mip-salt -f brain status --watch
      mip-salt -f brain status --json
    """
    from mip_salt.federation.journal import noted
    from mip_salt.federation.recall import recall
    from mip_salt.federation.select import select
    from mip_salt.remote.results import exit_code
    from mip_salt.vault.private_agent import identity_agent
    from mip_salt.workflows.status import Statuses

    folder = request.folder()
    folder.check_private()
    federation = recall(folder, jobs=request.jobs)
    select(federation, nodes)  # a misspelt name is told before a passphrase is asked for
    with noted(folder, "status"), identity_agent(folder, request.passphrase(folder), "status") as agent:
        if interval:
            return _watch(request, folder, nodes, agent, interval)
        view = _View(request, Statuses(folder, federation, select(federation, nodes), agent), blocks=bool(nodes))
        with ExitStack() as stack:
            # What draws takes as long to import as a node to answer: it comes while they are asked.
            view.statuses.once(lambda: view.draw_on(stack.enter_context(request.terminal.screen())))
    view.show()
    return exit_code(view.statuses.results())


def _watch(request: Request, folder: Folder, nodes: tuple[str, ...], agent: Path, interval: float) -> int:
    """Watch until Ctrl-C; a federation that changes meanwhile is read again."""
    from mip_salt.errors import MipError
    from mip_salt.federation.recall import recall
    from mip_salt.federation.select import select
    from mip_salt.workflows.status import Statuses

    terminal, federation, before, problem = request.terminal, recall(folder, jobs=request.jobs), None, ""
    view = None
    try:
        with terminal.screen() as draw:
            while True:
                statuses = Statuses(folder, federation, select(federation, nodes), agent, before=before)
                view = _View(request, statuses, blocks=False, problem=problem, interval=interval)
                view.draw_on(draw)
                tick = view.redraw if draw else view.print_round
                statuses.watch(interval, tick, TICK if draw else interval)
                before, problem = statuses, ""
                try:
                    federation = recall(folder, jobs=request.jobs)
                    select(federation, nodes)
                except MipError as err:
                    problem, federation = err.message, statuses.federation
    except KeyboardInterrupt:
        if view and view.draw:
            view.show()
        return 0


class _View:
    """What the operator sees of some nodes."""

    def __init__(
        self, request: Request, statuses: Statuses, *, blocks: bool, problem: str = "", interval: float = 0
    ) -> None:
        self.request, self.statuses, self.problem, self.interval = request, statuses, problem, interval
        self.blocks = blocks or request.verbosity > 0
        self.table = not blocks
        self.draw: Draw | None = None

    def draw_on(self, draw: Draw | None) -> None:
        """Draw the table in place from now on, if there is a terminal to draw on."""
        self.draw = draw
        if draw:
            self.statuses.on_change = self.redraw
            self.redraw()

    def redraw(self) -> None:
        """Draw the table in place, if there is a terminal to draw on."""
        from mip_salt.commands.status_view import COLUMNS, line, notes
        from mip_salt.federation.seen import now

        if self.draw:
            rows, moment = self.statuses.sorted(), now()
            said = [*notes(rows), *([f"! {self.problem}"] if self.problem else [])]
            said += [f"Asked every {self.interval:g} s; Ctrl-C ends it."] if self.interval else []
            self.draw(COLUMNS, [line(row, moment) for row in rows], said)

    def print_round(self) -> None:
        """Print one round of a watch, where there is no terminal to draw on."""
        import json

        from mip_salt.commands.status_view import COLUMNS, iso, line, notes
        from mip_salt.federation.seen import now

        terminal, rows, moment = self.request.terminal, self.statuses.sorted(), now()
        if self.request.json_output:
            terminal.raw(json.dumps(self._document(), ensure_ascii=False))
            return
        terminal.data(f"{self.statuses.federation.federation}, {iso(moment)}")
        terminal.table(COLUMNS, [line(row, moment) for row in rows])
        for said in [*notes(rows), *([f"! {self.problem}"] if self.problem else []), ""]:
            terminal.data(said)

    def show(self) -> None:
        """Show it all, once."""
        from mip_salt.commands.status_view import COLUMNS, block, line, trouble, word_of
        from mip_salt.federation.seen import now

        terminal, rows, moment = self.request.terminal, self.statuses.sorted(), now()
        if self.request.json_output:
            terminal.document(self._document())
            return
        from mip_salt.commands.show import show_failure

        if self.table:
            terminal.table(COLUMNS, [line(row, moment) for row in rows])
        if self.blocks:
            for row in rows:
                terminal.table((row.id, word_of(row)), block(self.statuses.federation, row, moment))
        for row in rows:
            if row.error:
                show_failure(self.request, row.result())
            for found in row.troubles:
                terminal.warning(f"{row.id}: {trouble(found)}")
        if self.statuses.damaged:
            terminal.warning(f"{self.statuses.damaged}: what was last seen is forgotten, and seen anew from now on.")

    def _document(self) -> dict[str, object]:
        from mip_salt.commands.status_view import as_json
        from mip_salt.federation.node_ids import order_of
        from mip_salt.federation.seen import now

        rows = sorted(self.statuses.rows.values(), key=lambda row: order_of(row.id))
        federation, moment = self.statuses.federation, now()
        return {
            "federation": federation.federation,
            "command": self.request.command,
            "nodes": [as_json(federation, row, moment) for row in rows],
        }

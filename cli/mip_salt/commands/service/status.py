"""`mip-salt service status`: what runs, as the master and each engine tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mip_salt.commands.choosing import nodes_option
from mip_salt.commands.context import Request, jobs_option, pass_request, shared_options

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation
    from mip_salt.workflows.running import Looked
    from mip_salt.workflows.service_status import Row


@click.command()
@nodes_option("Only this node, and all that is said of it")
@jobs_option
@shared_options
@pass_request
def status(request: Request, nodes: tuple[str, ...]) -> int:
    """Show what runs on every node, the worst first: asked now, of each one's engine and of the master.

    \b
    STATE      running; failing: not all of its tasks run; silent: they run,
               and exareme's master does not name it; stopped; unknown: the
               master does not say; unreachable, …
    SWARM      how the swarm's manager finds the node
    TASKS      of exareme, as the manager counts them; on the ui containers
    UP         since when its youngest container runs, by its own engine
    EXAREME    whether exareme's master, which asks every node, names it
    KEYSTORE   whether it is registered there
    DATASETS   how many it registered, in how many pathologies

    The exit code is that of the most serious node: 3 trust refused, 4 login refused, 5 unreachable, 7 something that
    should run does not.

    \b
      mip-salt -f brain service status
      mip-salt -f brain service status --node wk1
      mip-salt -f brain service status --json
    """
    from mip_salt.commands.progress import in_short
    from mip_salt.federation.generate import refresh
    from mip_salt.federation.recall import recall
    from mip_salt.federation.select import select
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.running import look
    from mip_salt.workflows.service_status import code_of, rows_of

    folder, terminal = request.folder(), request.terminal
    folder.check_private()
    federation = recall(folder, jobs=request.jobs)
    chosen = select(federation, nodes)
    with request.held(folder, "service status"):
        refresh(folder, federation)
        with open_session(folder, request.passphrase(folder)):
            looked = look(
                folder, federation, chosen, lambda one: terminal.detail(f"{one.id}: {in_short(one, test=False)}")
            )
    rows = rows_of(federation, chosen, looked)
    if request.json_output:
        _document(request, federation, looked, rows)
    else:
        _show(request, federation, looked, rows, blocks=bool(nodes) or request.verbosity > 0)
    return code_of(rows)


def _show(request: Request, federation: Federation, looked: Looked, rows: list[Row], *, blocks: bool) -> None:
    from mip_salt.commands.findings_view import SIGNS
    from mip_salt.commands.service.status_view import COLUMNS, asked, block, line, trouble
    from mip_salt.commands.show import show_failure
    from mip_salt.federation.seen import now
    from mip_salt.remote.results import Kind
    from mip_salt.workflows.service_status import others

    terminal, moment = request.terminal, now()
    terminal.table(COLUMNS, [line(row) for row in rows])
    for row in rows if blocks else ():
        terminal.data("")
        terminal.table((row.id, row.state), block(row, moment))
    for row in rows:
        if row.result and row.result.kind is not Kind.OK:
            show_failure(request, row.result)
        for found in row.troubles:
            sign, style = SIGNS[found.level]
            terminal.report(f"{sign} {trouble(row, found)}", found.remedy, style)
    if "ms" not in {row.id for row in rows} and "ms" in looked.results and looked.results["ms"].kind is not Kind.OK:
        show_failure(request, looked.results["ms"])
    for found in others(federation, looked):
        sign, style = SIGNS[found.level]
        terminal.report(f"{sign} {found.what}: {found.said}", found.remedy, style)
    terminal.data(asked(looked, moment))


def _document(request: Request, federation: Federation, looked: Looked, rows: list[Row]) -> None:
    from mip_salt.commands.findings_view import as_rows
    from mip_salt.commands.service.status_view import as_json
    from mip_salt.federation.node_ids import order_of
    from mip_salt.federation.seen import now
    from mip_salt.workflows.service_status import others

    moment = now()
    request.terminal.document(
        {
            "federation": federation.federation,
            "command": request.command,
            "nodes": [as_json(row, moment) for row in sorted(rows, key=lambda row: order_of(row.id))],
            "others": as_rows(others(federation, looked)),
        }
    )

"""`mip-salt check`: whether the nodes reach each other as the federation needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mip_salt.commands.choosing import nodes_option
from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation
    from mip_salt.workflows.preflight.report import Report


@click.command()
@nodes_option("Only what goes to and from this node")
@click.option(
    "--request",
    "requested",
    metavar="NODE",
    shell_complete=complete_nodes,
    help="Print the request for NODE's firewalls, for its hospital's network team; nothing is tried.",
)
@shared_options
@pass_request
def check(request: Request, nodes: tuple[str, ...], requested: str | None) -> int:
    """Try every way that the federation needs between its nodes, from node to node, and look at each node.

    Ports 2377, 7946, 4789 and 9090, encryption (ESP), and how large a packet gets through; then ports that are held,
    kernel, engine, disks, clock, hostname. Nothing is installed or left on a node. A service that holds a port is not
    disturbed. A warning is no failure. Exit code: 3 host key or machine, 4 login or sudo, 5 a node is unreachable from
    here, 7 the rest, a way that is shut among it.

    \b
      mip-salt -f brain check
      mip-salt -f brain check --node wk1
      mip-salt -f brain check --request wk1 > wk1-firewall.md
    """
    from mip_salt.errors import UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.select import select
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.preflight.report import report_of
    from mip_salt.workflows.preflight.run import try_ways

    if requested and nodes:
        raise UsageError("--request is about one node, and tries nothing", hint="Leave --node out.")
    folder, terminal = request.folder(), request.terminal
    folder.check_private()
    federation = load(folder)
    if requested:
        return _request(request, federation, requested)
    chosen = select(federation, nodes)
    disabled = [name for name in chosen if not federation.nodes[name].enabled]
    for name in disabled:
        terminal.warning(f"{name} is disabled, and left out.")
    if set(disabled) == set(chosen):
        raise UsageError(
            "no node is left to check",
            hint=f"Let one in again: mip-salt -f {folder.name} node enable NODE, or add some with configure.",
        )
    # It holds the federation: what an apply starts meanwhile would find the ports held.
    with (
        request.held(folder, "check"),
        open_session(folder, request.passphrase(folder)),
        terminal.live() as draw,
    ):

        def step(text: str) -> None:
            if draw:
                draw([(f"{text} …", "")])
            else:
                terminal.detail(f"{text} …")

        report = report_of(federation, try_ways(folder, federation, chosen, on_step=step))
    if request.json_output:
        from mip_salt.commands.check_view import as_json

        terminal.document(as_json(federation, request.command, report))
    else:
        _show(request, report)
    return report.exit_code()


def _show(request: Request, report: Report) -> None:
    from mip_salt.commands.check_view import LEGEND, lines, matrix, summary

    terminal = request.terminal
    columns, rows = matrix(report, terminal.out.width)
    if rows:
        terminal.table(columns, rows)
        terminal.data(f"{LEGEND}\n")
    for text, remedy, style in lines(report, everything=request.verbosity > 0):
        terminal.report(text, remedy, style)
    terminal.data(summary(report))


def _request(request: Request, federation: Federation, name: str) -> int:
    from mip_salt.federation.select import select
    from mip_salt.workflows.firewall_request import firewall_request

    (node,) = select(federation, (name,))
    text = firewall_request(federation, node)
    if request.json_output:
        told = {"federation": federation.federation, "command": request.command, "id": node, "request": text}
        request.terminal.document(told)
    else:
        request.terminal.raw(text.rstrip("\n"))
    return 0

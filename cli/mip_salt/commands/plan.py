"""`mip-salt plan`: what `apply` would change."""

from __future__ import annotations

import click

from mip_salt.commands.apply import run_apply
from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes


@click.command()
@click.option(
    "--node",
    "nodes",
    metavar="NODE",
    multiple=True,
    shell_complete=complete_nodes,
    help="Only this node: its id, hostname or address.",
)
@shared_options
@pass_request
def plan(request: Request, nodes: tuple[str, ...]) -> int:
    """Say what `apply` would change, and change nothing; the same as `apply --test`.

    \b
      mip-salt -f brain plan
      mip-salt -f brain plan --node wk1 --json
    """
    return run_apply(request, nodes, test=True)

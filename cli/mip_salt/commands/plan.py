"""`mip-salt plan`: what `apply` would change."""

from __future__ import annotations

import click

from mip_salt.commands.apply import chosen_nodes, run_apply
from mip_salt.commands.context import Request, pass_request, shared_options


@click.command()
@chosen_nodes
@shared_options
@pass_request
def plan(request: Request, nodes: tuple[str, ...], roles: tuple[str, ...], diff: bool) -> int:
    """Say what `apply` would change, and change nothing; the same as `apply --test`.

    \b
      mip-salt -f brain plan
      mip-salt -f brain plan --node wk1 --diff
    """
    return run_apply(request, nodes, roles, test=True, diff=diff)

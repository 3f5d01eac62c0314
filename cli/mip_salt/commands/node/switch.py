"""`mip-salt node disable` and `enable`: leave nodes out of every command, and let them in again."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes


@click.command()
@click.argument("names", metavar="NODE…", nargs=-1, required=True, shell_complete=complete_nodes)
@shared_options
@pass_request
def disable(request: Request, names: tuple[str, ...]) -> None:
    """Leave nodes out of every command until they are enabled again; they stay configured, and show as disabled.

    \b
      mip-salt -f brain node disable wk2
    """
    _switch(request, names, on=False)


@click.command()
@click.argument("names", metavar="NODE…", nargs=-1, required=True, shell_complete=complete_nodes)
@shared_options
@pass_request
def enable(request: Request, names: tuple[str, ...]) -> None:
    """Let every command work on nodes again.

    \b
      mip-salt -f brain node enable wk2
    """
    _switch(request, names, on=True)


def _switch(request: Request, names: tuple[str, ...], *, on: bool) -> None:
    from mip_salt.federation.document import load
    from mip_salt.federation.select import select
    from mip_salt.workflows.record import switch

    folder, what = request.folder(), "enable" if on else "disable"
    for name in select(load(folder), names):
        with request.held(folder, f"node {what} {name}"):
            changed = switch(folder, name, on=on)
        request.terminal.success(f"{name} is {what}d" if changed else f"{name} was {what}d already")

"""`mip-salt service restart`: start anew what runs."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.service.serving import serve, service_options


@click.command()
@service_options
@shared_options
@pass_request
def restart(request: Request, /, nodes: tuple[str, ...], **options: bool) -> int:
    """Have exareme's tasks made anew, the master's first, and the web front end restarted; wait until all of it runs.

    Where only the master is restarted, the workers' registrations are lost with its keystore: exareme notices that
    within minutes, and starts there anew by itself.

    \b
      mip-salt -f brain service restart
      mip-salt -f brain service restart --node wk1
    """
    return serve(request, "restart", nodes, **options)[0]

"""`mip-salt service stop`: stop what runs."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.service.serving import serve, service_options


@click.command()
@service_options
@shared_options
@pass_request
def stop(request: Request, /, nodes: tuple[str, ...], **options: bool) -> int:
    """Stop the web front end, and exareme on the nodes; data, swarm, network and containers' folders stay.

    Only the stacks that bear the hostname of a node of this federation are removed. Portainer goes on, unless one of
    the two flags asks for it. The next apply starts all of it again.

    \b
      mip-salt -f brain service stop --test
      mip-salt -f brain service stop
      mip-salt -f brain service stop --node wk1
      mip-salt -f brain service stop --without-exareme --with-portainer
    """
    code, done = serve(request, "stop", nodes, **options)
    if done and not options["without_exareme"] and not request.json_output:
        request.terminal.say("\nStopped. The next apply starts it again, as service start does.")
    return code

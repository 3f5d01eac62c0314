"""`mip-salt service deploy`: make the swarm, and start all that runs on it."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.service.serving import serve, service_options


@click.command()
@service_options
@shared_options
@pass_request
def deploy(request: Request, /, nodes: tuple[str, ...], **options: bool) -> int:
    """Make the swarm, let workers join it, and start exareme on every node and the web front end.

    It is the part of `apply` that is about services: machines are not prepared. What runs as it should is left alone.
    With --node only what runs there is deployed. The settings say whether Portainer is part of it; the two flags say so
    for this once.

    \b
      mip-salt -f brain service deploy
      mip-salt -f brain service deploy --node wk1
      mip-salt -f brain service deploy --with-secure-portainer
    """
    return serve(request, "deploy", nodes, **options)[0]

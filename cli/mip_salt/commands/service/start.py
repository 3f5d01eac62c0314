"""`mip-salt service start`: start what runs on nodes that have joined."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.service.serving import serve, service_options


@click.command()
@service_options
@shared_options
@pass_request
def start(request: Request, /, nodes: tuple[str, ...], **options: bool) -> int:
    """Start exareme on nodes that have joined the swarm, and the web front end; what runs already is left alone.

    A worker that has not joined is a failure, which `service deploy` or `apply` mends.

    \b
      mip-salt -f brain service start
      mip-salt -f brain service start --node wk1
      mip-salt -f brain service start --without-exareme --with-portainer
    """
    return serve(request, "start", nodes, **options)[0]

"""`mip-salt node list`: which nodes a federation has."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options


@click.command(name="list")
@shared_options
@pass_request
def list_(request: Request) -> None:
    """List the federation's nodes as pillar/federation.sls tells them; asks no node anything.

    \b
      mip-salt -f brain node list
    """
    from mip_salt.federation.address import join_address
    from mip_salt.federation.document import load

    folder = request.folder()
    federation = load(folder)
    nodes = [(name, federation.nodes[name]) for name in federation.ids()]
    if request.json_output:
        rows = [{"id": name, **n.model_dump(mode="json")} for name, n in nodes]
        request.terminal.document({"federation": folder.name, "command": request.command, "nodes": rows})
        return
    request.terminal.table(
        ("NODE", "ROLE", "HOSTNAME", "ADDRESS", "USER", "SITE", ""),
        [
            (
                name,
                str(n.role),
                n.hostname or "",
                join_address(n.address, n.port),
                n.user,
                n.site or "",
                "" if n.enabled else "disabled",
            )
            for name, n in nodes
        ],
    )

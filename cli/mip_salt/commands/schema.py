"""`mip-salt schema`: the JSON Schema of what an operator writes, for editors."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options


@click.command()
@click.argument("file", type=click.Choice(["nodes-file", "federation"]))
@shared_options
@pass_request
def schema(request: Request, file: str) -> None:
    """Print the JSON Schema of a file: `nodes-file` is what `configure --from` takes, `federation` is
    pillar/federation.sls.

    \b
      mip-salt schema nodes-file > nodes-file.schema.json
    """
    from mip_salt.federation.schema import schema_of

    request.terminal.document(schema_of(file))

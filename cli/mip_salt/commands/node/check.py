"""`mip-salt node check`: look at one node closely."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes


@click.command()
@click.argument("name", metavar="NODE", shell_complete=complete_nodes)
@shared_options
@pass_request
def check(request: Request, name: str) -> int:
    """Look at NODE from the network up to its engine, without Salt: what is well, what is not, and what to do.

    A warning is no failure. The exit code is that of the most serious one: 3 host key or machine, 4 login or sudo,
    5 unreachable, 7 the rest.

    \b
      mip-salt -f brain node check wk1
    """
    from mip_salt.commands.findings_view import SIGNS, as_rows
    from mip_salt.federation.journal import noted
    from mip_salt.federation.recall import recall
    from mip_salt.federation.select import select
    from mip_salt.vault.private_agent import identity_agent
    from mip_salt.workflows.findings import exit_code
    from mip_salt.workflows.node_check import check_node

    folder, terminal = request.folder(), request.terminal
    folder.check_private()
    federation = recall(folder)
    (chosen,) = select(federation, (name,))
    if not federation.nodes[chosen].enabled:
        terminal.warning(f"{chosen} is disabled: every other command leaves it out.")
    what, found = f"node check {chosen}", []
    with noted(folder, what), identity_agent(folder, request.passphrase(folder), what) as agent:
        for each in check_node(folder, federation, chosen, agent):
            found.append(each)
            if not request.json_output:
                sign, style = SIGNS[each.level]
                terminal.report(f"{sign} {each.what:16} {each.said}", each.remedy, style)
    code = exit_code(found)
    if request.json_output:
        node = {"id": chosen, "kind": "failed" if code else "ok", "findings": as_rows(found)}
        terminal.document({"federation": folder.name, "command": request.command, "nodes": [node]})
    return code

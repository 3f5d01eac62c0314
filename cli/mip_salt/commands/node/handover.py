"""`mip-salt node handover`: the sheet for a hospital's administrator."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes


@click.command()
@click.argument("name", metavar="NODE", shell_complete=complete_nodes)
@click.option("--user", metavar="USER", default="mipadmin", show_default=True, help="The account to ask for.")
@click.option("--password", "by_password", is_flag=True, help="Ask for a password, not to put our key in place.")
@shared_options
@pass_request
def handover(request: Request, name: str, user: str, by_password: bool) -> None:
    """Print what NODE's administrator needs to give us an account: one sheet, to be sent or printed.

    Commands that make the account, how to read the machine's host key to you in words, the ports, what we do on the
    machine and what not, and how to take us off again. NODE need not be configured yet: what is not known is blank.
    Once the federation has an identity, its public key is in the sheet, and no password is needed at all.

    \b
      mip-salt -f brain node handover wk3 > wk3.md
      mip-salt -f brain node handover wk3 --user mip --password
    """
    from mip_salt.errors import UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.kinds import USER
    from mip_salt.federation.node_ids import NODE_ID
    from mip_salt.federation.select import select
    from mip_salt.workflows.handover import handover as sheet_of

    if not USER.match(user):
        raise UsageError("that is not a user's name", hint="Use a-z, 0-9, _ and -, not starting with a digit or -.")
    folder = request.folder(must_exist=False)
    if folder.exists() and not NODE_ID.match(name):
        (name,) = select(load(folder), (name,))
    elif not NODE_ID.match(name):
        raise UsageError("that is not a node's id", hint="An id is ms, ui, wk1, wk2, …")
    sheet = sheet_of(folder, name, user=user, by_password=by_password)
    if request.json_output:
        told = {"id": sheet.node, "user": sheet.user, "host_keys": sheet.host_keys, "sheet": sheet.text}
        request.terminal.document({"federation": folder.name, "command": request.command, **told})
    else:
        request.terminal.raw(sheet.text.rstrip("\n"))

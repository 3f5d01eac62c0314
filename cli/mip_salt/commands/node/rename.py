"""`mip-salt node rename`: give a node's machine a meaningful hostname."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes


@click.command()
@click.argument("name", metavar="NODE", shell_complete=complete_nodes)
@click.argument("hostname", metavar="[HOSTNAME]", required=False)
@shared_options
@pass_request
def rename(request: Request, name: str, hostname: str | None) -> int:
    """Give NODE's machine the hostname HOSTNAME, else FEDERATION-ID (brain-wk1), now and after a reboot.

    The machine proves first that it is the confirmed one; before and after are shown, and you are asked. Afterwards a
    fresh login proves the new name, and all that was confirmed of the node follows. Stopped halfway, the same command
    again finishes.

    \b
      mip-salt -f brain node rename wk1
      mip-salt -f brain node rename wk1 lausanne --yes
    """
    from mip_salt.commands.show import document
    from mip_salt.errors import UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.generate import refresh
    from mip_salt.federation.select import select
    from mip_salt.remote.results import Kind, NodeResult
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.rename import look_before, wanted_hostname
    from mip_salt.workflows.rename import rename as work

    folder, terminal = request.folder(), request.terminal
    federation = load(folder)
    (chosen,) = select(federation, (name,))
    wanted = wanted_hostname(federation, chosen, hostname)
    node = federation.nodes[chosen]
    if not node.enabled:
        raise UsageError(f"{chosen} is disabled", hint=f"mip-salt -f {folder.name} node enable {chosen}")
    with request.held(folder, f"node rename {chosen}"), open_session(folder, request.passphrase(folder)) as vault:
        refresh(folder, federation)
        todo = look_before(folder, chosen, wanted)
        if todo.done and node.hostname == wanted:
            terminal.success(f"{chosen} is {wanted} already")
            result = NodeResult(chosen, Kind.OK, facts={"role": str(node.role), "hostname": wanted})
        else:
            terminal.facts([("hostname", f"{todo.before} → {wanted}"), ("machine-id", node.machine_id or "")])
            if todo.done:
                terminal.say(f"  The machine of {chosen} has this name already; the record of it follows.")
            elif not terminal.confirm(f"Rename the machine of {chosen}?"):
                raise UsageError(f"{chosen} keeps its hostname {todo.before}")
            result = work(folder, vault, todo, lambda text: terminal.say(f"  {chosen}: {text} …", "dim"))
            terminal.success(f"{chosen} is {wanted}")
            terminal.say(f"Next, so that the other nodes know it: mip-salt -f {folder.name} apply")
    if request.json_output:
        terminal.document(document(request, load(folder), [result]))
    return 0

"""`mip-salt node remove`: forget a node, and clean its machine."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes


@click.command()
@click.argument("name", metavar="NODE", shell_complete=complete_nodes)
@shared_options
@pass_request
def remove(request: Request, name: str) -> int:
    """Remove NODE: take it out of the swarm, take the identity and the sudo rule off the machine, then forget it.

    A worker's stack goes off the master, and the worker out of the swarm. A machine that does not answer is forgotten
    all the same, with its secrets; what stays on it, or on the master, is told. Data, engine and hostname stay as they
    are in any case, and so does what runs on a ui or a master. A master that has workers is not removed.

    \b
      mip-salt -f brain node remove wk2
    """
    import asyncio

    from mip_salt.commands.show import document
    from mip_salt.errors import UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.select import select
    from mip_salt.questions.wizard import Wizard
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.remove import remove_node
    from mip_salt.workflows.seat import Seat

    folder, terminal = request.folder(), request.terminal
    federation = load(folder)
    (chosen,) = select(federation, (name,))
    hostname = federation.nodes[chosen].hostname
    if not terminal.confirm(f"Remove {chosen} ({hostname}) and its secrets from {folder.name}?"):
        raise UsageError(f"{chosen} is kept")
    with request.held(folder, f"node remove {chosen}"), open_session(folder, request.passphrase(folder)) as vault:
        seat = Seat(folder, vault, Wizard(folder.name, terminal), lambda n, text: terminal.say(f"  {n}: {text} …"))
        result = asyncio.run(remove_node(seat, chosen))
    terminal.success(f"{chosen} is removed")
    if result.hint:
        for line in result.hint.split("\n"):
            terminal.warning(line)
    if request.json_output:
        terminal.document(document(request, federation, [result]))
    return 0

"""`mip-salt ssh`: a shell on a node, with its pinned key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from mip_salt.federation.folder import Folder
    from mip_salt.federation.model import Federation

SECONDS = 20.0


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--as", "user", metavar="USER", help="Log in as this user, by that user's password, which ssh asks for.")
@click.option("-t", "--tty", is_flag=True, help="Give a COMMAND a terminal too, for top and the like.")
@click.argument("name", metavar="NODE", shell_complete=complete_nodes)
@click.argument("words", metavar="[COMMAND…]", nargs=-1)
@shared_options
@pass_request
def ssh(request: Request, name: str, words: tuple[str, ...], user: str | None, tty: bool) -> int:
    """Open a shell on NODE with the federation's identity, or run COMMAND there, held to its pinned host key.

    Options stand before NODE; what follows is the command, as ssh itself takes it. The exit code is the command's. An
    apply may go on meanwhile: the shell does not hold the federation, nor its vault. With --as no identity and no key
    is offered.

    \b
      mip-salt -f brain ssh wk1
      mip-salt -f brain ssh wk1 df -h /data
      mip-salt -f brain ssh --as root wk1
    """
    import sys
    from contextlib import ExitStack

    from mip_salt.errors import UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.journal import noted
    from mip_salt.federation.select import select
    from mip_salt.printable import printable
    from mip_salt.ssh.shell import USER_THERE, run_shell, shell_call
    from mip_salt.ssh.tried import SSH_FAILED
    from mip_salt.vault.private_agent import identity_agent

    folder = request.folder()
    folder.check_private()
    federation = load(folder)
    (chosen,) = select(federation, (name,))
    node = federation.nodes[chosen]
    if words and words[0].startswith("-"):
        raise UsageError(f"{printable(words[0], 40)!r} stands after {chosen}", hint="Options stand before the node.")
    if user and not USER_THERE.match(user):
        raise UsageError(
            f"{printable(user, 40)!r} is not a user's name",
            hint="Name a user of that machine: mip-salt ssh --as USER ID",
        )
    if not node.enabled:
        request.terminal.warning(f"{chosen} is disabled: every other command leaves it out.")
    what = f"ssh {chosen}" + (f" as {user}" if user else "")
    with noted(folder, what), ExitStack() as stack:
        # Its bastion is passed with the identity, whoever logs in behind it.
        needed = not user or node.bastion
        agent = stack.enter_context(identity_agent(folder, request.passphrase(folder), what)) if needed else None
        status = run_shell(
            shell_call(
                folder, federation, chosen, words, agent=agent, user=user, tty=tty or (not words and sys.stdin.isatty())
            )
        )
        if status == SSH_FAILED and not user:
            _explain(folder, federation, chosen, agent)
    return status


def _explain(folder: Folder, federation: Federation, name: str, agent: Path | None) -> None:
    """Raise why ssh could not get in, if it cannot now either; 255 may also be the command's own word."""
    import asyncio

    from mip_salt.ssh.openssh import check

    asyncio.run(check(folder, federation, name, SECONDS, agent=agent))

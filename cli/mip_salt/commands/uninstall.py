"""`mip-salt uninstall`: take a federation off this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mip_salt.commands.context import Request, pass_request, shared_options

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder
    from mip_salt.questions.passphrase import PassphraseSource


@click.command()
@click.option(
    "--clean-nodes/--leave-nodes",
    default=None,
    help="Take our key and sudo rule off the nodes, or leave them; else asked.",
)
@shared_options
@pass_request
def uninstall(request: Request, clean_nodes: bool | None) -> int:
    """Remove the federation from this machine: its folder, after a backup, and nothing else.

    Its name must be typed (or --yes given). The nodes go on working: data, containers and settings stay on them. On
    request the federation's identity and its sudo rule are taken off them first, which needs the vault's passphrase.

    \b
      mip-salt -f brain uninstall
      mip-salt -f brain uninstall --yes --leave-nodes
    """
    from mip_salt.errors import MipError, UsageError
    from mip_salt.federation.document import load
    from mip_salt.workflows.backup import backup
    from mip_salt.workflows.uninstall import remove_folder

    folder, terminal = request.folder(), request.terminal
    try:
        nodes = load(folder).ids()
    except MipError as err:
        terminal.warning(err.message)
        nodes = []
    _tell(request, folder, nodes)
    if not terminal.assume_yes and terminal.ask(f"To remove it, type its name, {folder.name}") != folder.name:
        raise UsageError(f"{folder.name} is kept", hint="Type its name in full, or give --yes.")
    if nodes and clean_nodes is None:
        clean_nodes = terminal.confirm(f"Take the identity and the sudo rule off {', '.join(nodes)} first?")
    passphrase = request.passphrase(folder)
    with request.held(folder, "uninstall"):
        kept = backup(folder, None, passphrase if passphrase.given is not None else None).path
        terminal.success(f"{folder.name} is kept in {kept}")
        if nodes and clean_nodes and (code := _clean(request, folder, passphrase)):
            return code
        stays = remove_folder(folder)
    terminal.success(f"{folder.name} is removed from this machine")
    if stays:
        terminal.warning(f"The empty folder stays, because {stays.parent} is not yours: sudo rmdir {stays}")
    terminal.say(
        f"To have it back: mip-salt restore {kept}" + (", then configure its nodes anew" if clean_nodes else "")
    )
    if request.json_output:
        told = {"federation": folder.name, "command": request.command, "backup": str(kept)}
        terminal.document({**told, "nodes": nodes, "nodes_cleaned": bool(clean_nodes)})
    return 0


def _tell(request: Request, folder: Folder, nodes: list[str]) -> None:
    """Say what goes and what stays, before anything is asked."""
    say = request.terminal.say
    say(f"{folder.path} and all in it will be removed: {folder.name}, its vault, its identity. A backup is made first.")
    if nodes:
        say(
            f"On {', '.join(nodes)} stay: Docker and what runs in it, the data, and the settings that apply made. And, "
            f"unless taken off now, the identity (the line of mip-salt:{folder.name} in authorized_keys) and the rule "
            "in /etc/sudoers.d/mip-salt."
        )


def _clean(request: Request, folder: Folder, passphrase: PassphraseSource) -> int:
    """Clean the nodes; return the exit code, 0 if all are clean."""
    import asyncio

    from mip_salt.commands.show import show_failure
    from mip_salt.questions.wizard import Wizard
    from mip_salt.remote.results import exit_code
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.seat import Seat
    from mip_salt.workflows.uninstall import clean_nodes

    terminal = request.terminal
    with open_session(folder, passphrase) as vault:
        seat = Seat(folder, vault, Wizard(folder.name, terminal), lambda n, text: terminal.say(f"  {n}: {text} …"))
        results = asyncio.run(clean_nodes(seat))
    failed = [result for result in results if result.error]
    for result in failed:
        show_failure(request, result)
    if failed:
        terminal.warning(
            f"{folder.name} is kept, with {', '.join(result.id for result in failed)}: without it nobody could take "
            f"our key off. Run this again, or leave it there: mip-salt -f {folder.name} uninstall --leave-nodes"
        )
    else:
        terminal.success("The nodes are clean")
    return exit_code(results)

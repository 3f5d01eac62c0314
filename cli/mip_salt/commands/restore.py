"""`mip-salt restore`: bring a federation back from its backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mip_salt.commands.context import Request, pass_request, shared_options

if TYPE_CHECKING:
    from mip_salt.workflows.restore import Plan


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--to", "name", metavar="NAME", help="Restore it as this federation; needs the vault's passphrase.")
@click.option("--replace", is_flag=True, help="Put it in the place of what is there, which is backed up first.")
@shared_options
@pass_request
def restore(request: Request, file: Path, name: str | None, replace: bool) -> int:
    """Bring a federation back from FILE, a backup: on this machine or another, under this root or another.

    The file is checked to its last byte and the federation made whole beside, before anything is replaced. The vault
    is locked then, as it was in the file; no node is asked or changed.

    \b
      mip-salt backup list
      mip-salt restore /opt/mip-salt.backups/brain-20260402T101500Z.tar.gz
      mip-salt restore brain.tar.gz --replace
    """
    from mip_salt.errors import UsageError
    from mip_salt.federation.folder import Folder
    from mip_salt.workflows.restore import plan as look
    from mip_salt.workflows.restore import restore as run

    terminal = request.terminal
    plan = look(file, request.root_folder, name, replace=replace)
    folder, was = plan.folder, plan.head.manifest.federation
    if request.federation not in (None, folder.name, was):
        raise UsageError(
            f"{file} is a backup of {was}", hint=f"To restore it under another name: --to {request.federation}"
        )
    _show(request, plan)
    if plan.replaces and not terminal.confirm(f"Put it in the place of {folder.path}?"):
        raise UsageError(f"{folder.path} stays as it is")
    done = run(plan, request.passphrase(Folder(folder.path.with_name(was))))
    terminal.success(f"{folder.name} is restored, in {folder.path}; its vault is locked")
    if done.replaced:
        terminal.say(f"  What was there is kept in {done.replaced}")
    if done.problem:
        terminal.warning(f"It was restored as it was, and cannot be used yet: {done.problem}")
    elif not request.json_output:
        again = f"mip-salt -f {folder.name}"
        terminal.say(f"\nNext: {again} vault unlock, then {again} status")
        if plan.head.manifest.mip:
            terminal.say(f"MIP's own software was not in it: {again} install")
    if request.json_output:
        told = {"federation": folder.name, "command": request.command, "folder": str(folder.path)}
        terminal.document({**told, "replaced": str(done.replaced or ""), "error": done.problem})
    return 6 if done.problem else 0


def _show(request: Request, plan: Plan) -> None:
    manifest, terminal = plan.head.manifest, request.terminal
    terminal.facts(
        [
            ("backup of", f"{manifest.federation}, made {manifest.made} on {manifest.machine}"),
            ("nodes", ", ".join(manifest.nodes)),
            ("MIP", f"{manifest.mip} with exareme {manifest.exareme}" if manifest.mip else ""),
            ("vault key", manifest.vault_key),
            ("signed", "by the vault's key" if plan.head.signature else "no"),
            ("goes to", str(plan.folder.path)),
        ]
    )
    if not plan.head.signature:
        terminal.warning(
            "It is not signed, so what is not in the vault (states, pillar, known host keys) is as trustworthy as the "
            "place where the file lay."
        )
    if plan.other_vault:
        terminal.warning(f"{plan.folder.path} has another vault: its nodes know another identity, which goes with it.")
    if plan.new_name:
        terminal.warning(
            f"{plan.folder.name} will have the nodes and the identity of {manifest.federation}: use one of the two."
        )

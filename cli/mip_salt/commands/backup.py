"""`mip-salt backup`: keep a federation in one private file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mip_salt.commands.context import Request, pass_request, shared_options

if TYPE_CHECKING:
    from mip_salt.workflows.backup import Found


class FileOrCommand(click.Group):
    """A group that takes what is none of its commands as the file of its first one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let the options come first, then a command's name, or what the first command takes."""
        if not any(word in self.commands or word in ctx.help_option_names for word in args):
            args = ["make", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show how it is called without a command, too."""
        formatter.write_usage(ctx.command_path, "[FILE] [--sign] | list")


@click.group(cls=FileOrCommand)
def backup() -> None:
    """Keep the federation in one private file (0600), with all that another machine needs to go on.

    The vault stays sealed in it: the passphrase is needed to use it, so keep that on paper, in another place. Without
    FILE it goes to mip-salt.backups under the root. MIP's own software is not in it: install fetches it again.

    \b
      mip-salt -f brain backup
      mip-salt -f brain backup /media/stick/brain.tar.gz
      mip-salt backup list
    """


@backup.command(hidden=True)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--sign", is_flag=True, help="Sign it by the vault's key; asks for the passphrase if the vault is locked."
)
@shared_options
@pass_request
def make(request: Request, file: Path | None, sign: bool) -> None:
    """Keep the federation in one private file; see backup --help."""
    from mip_salt.workflows.backup import backup as write

    folder, terminal = request.folder(), request.terminal
    passphrase = request.passphrase(folder)
    with request.held(folder, "backup"):
        written = write(folder, file, passphrase if sign or passphrase.given is not None else None)
    manifest = written.manifest
    size = written.path.stat().st_size
    terminal.success(f"{folder.name} is kept in {written.path}")
    terminal.facts(
        [
            ("size", f"{size:,} bytes, {len(manifest.files)} files; read again and whole"),
            ("nodes", ", ".join(manifest.nodes) or "none"),
            ("vault key", manifest.vault_key or "none yet"),
            ("signed", "by the vault's key" if written.signed else "no: the vault is locked (--sign asks for it)"),
        ]
    )
    for name, why in written.left.items():
        terminal.warning(f"{name} is not in it: {why}")
    if written.path.stat().st_mode & 0o077:
        terminal.warning(f"The file system of {written.path} keeps no permissions: whoever holds it can read the file.")
    if request.json_output:
        told = manifest.model_dump(include={"federation", "made", "vault_key", "nodes"})
        more = {"file": str(written.path), "size": size, "signed": written.signed, "left_out": list(written.left)}
        terminal.document({**told, "command": request.command, **more})


@backup.command(name="list")
@shared_options
@pass_request
def list_(request: Request) -> int:
    """List the backups under the root, each read to its end; of one federation with -f.

    \b
      mip-salt backup list
      mip-salt -f brain backup list --json
    """
    from mip_salt.federation.folder import BACKUPS
    from mip_salt.workflows.backup import backups

    terminal, place = request.terminal, request.root_folder / BACKUPS
    found = backups(request.root_folder, request.federation)
    if request.json_output:
        terminal.document({"command": request.command, "backups": [_row(one) for one in found]})
    elif found:
        terminal.table(
            ("FEDERATION", "NODES", "SIGNED", "SIZE", "STATE", "FILE"),
            [
                (
                    one.manifest.federation if one.manifest else "?",
                    str(len(one.manifest.nodes)) if one.manifest else "?",
                    "yes" if one.signed else "no",
                    f"{one.size:,}",
                    "damaged" if one.error else "ok",
                    str(one.path.relative_to(place)),
                )
                for one in found
            ],
            kind_column=4,
        )
        terminal.say(f"They lie in {place}; times are UTC. To have one back: mip-salt restore FILE")
    else:
        terminal.say(f"No backup in {place} yet. Make one: mip-salt -f NAME backup")
    for one in found:
        if one.error:
            terminal.warning(f"{one.path}: {one.error}")
    return 6 if any(one.error for one in found) else 0


def _row(one: Found) -> dict[str, object]:
    told = (
        one.manifest.model_dump(include={"federation", "made", "machine", "vault_key", "nodes"}) if one.manifest else {}
    )
    return {"file": str(one.path), "size": one.size, "signed": one.signed, "error": one.error, **told}

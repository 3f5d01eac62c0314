"""`mip-salt federation`: which federations this machine holds."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options


@click.group()
def federation() -> None:
    """List the federations of this machine."""


@federation.command(name="list")
@shared_options
@pass_request
def list_(request: Request) -> int:
    """List every federation under the root, with its nodes, and whether its vault is open.

    One that is damaged is listed too, with why; what another user keeps to himself is named. The exit code is 6 if one
    cannot be read.

    \b
      mip-salt federation list
    """
    from mip_salt.errors import MipError
    from mip_salt.federation.document import load
    from mip_salt.federation.folder import Folder, all_folders, closed_folders
    from mip_salt.federation.owner import acting_as, owner_of
    from mip_salt.vault.agent import alive

    def row(folder: Folder) -> dict[str, object]:
        known: dict[str, object] = {"federation": folder.name, "path": str(folder.path), "error": "", "hint": ""}
        try:
            with acting_as(owner_of(folder.path)):
                folder.check_private()
                nodes = load(folder).nodes
        except MipError as err:
            return {**known, "nodes": None, "vault": "unknown", "error": err.message, "hint": err.hint}
        except OSError as err:
            why = f"{err.filename} cannot be read: {err.strerror}"
            return {**known, "nodes": None, "vault": "unknown", "error": why, "hint": "Look at its owner and mode."}
        return {
            **known,
            "nodes": len(nodes),
            "vault": "unlocked" if alive(folder) else "locked",
            "error": "",
            "hint": "",
        }

    closed = [str(path) for path in closed_folders(request.root_folder)]
    rows = [row(folder) for folder in all_folders(request.root_folder)]
    terminal = request.terminal
    if request.json_output:
        terminal.document({"command": request.command, "federations": rows, "closed": closed})
    elif rows:
        terminal.table(
            ("FEDERATION", "NODES", "VAULT", "FOLDER"),
            [
                (
                    str(r["federation"]),
                    "?" if r["nodes"] is None else str(r["nodes"]),
                    str(r["vault"]),
                    str(r["path"]),
                )
                for r in rows
            ],
        )
    else:
        terminal.say(f"No federation under {request.root_folder} yet. Begin one: mip-salt -f NAME configure")
    for path in closed:
        terminal.warning(f"{path}: another user's, who keeps it to himself; see what it is as that user, or with sudo.")
    for r in rows:
        if r["error"]:
            terminal.error(MipError(f"{r['federation']}: {r['error']}", hint=str(r["hint"])))
    return 6 if any(r["error"] for r in rows) else 0

"""How commands show results of nodes: a table for people, one document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mip_salt.errors import MipError
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.remote.results import NodeResult, exit_code

if TYPE_CHECKING:
    from mip_salt.commands.context import Request


def show_failure(request: Request, result: NodeResult) -> None:
    """Say what went wrong on one node, as an error does."""
    request.terminal.error(MipError(result.error, node=result.id, hint=result.hint, command=result.command))


def document(request: Request, folder: Folder, results: Sequence[NodeResult]) -> dict[str, Any]:
    """Return the one JSON document of a command."""
    return {
        "federation": folder.name,
        "command": request.command,
        "nodes": [
            {
                "id": result.id,
                "role": result.facts.get("role", ""),
                "hostname": result.facts.get("hostname", ""),
                "kind": str(result.kind),
                "changed": result.changed,
                "failed": result.failed,
                "error": result.error,
                "seconds": round(result.seconds, 2),
            }
            for result in results
        ],
    }


def show_nodes(request: Request, folder: Folder, results: Sequence[NodeResult]) -> None:
    """Show what a federation now is, and what to do next."""
    if request.json_output:
        request.terminal.document(document(request, folder, results))
        return
    federation = load(folder)
    terminal = request.terminal
    if federation.nodes:
        terminal.title(f"Federation {folder.name}, in {folder.path}")
        from mip_salt.federation.address import join_address

        nodes = [(name, federation.nodes[name]) for name in federation.ids()]
        terminal.table(
            ("NODE", "ROLE", "HOSTNAME", "ADDRESS", "USER"),
            [(name, str(n.role), n.hostname or "", join_address(n.address, n.port), n.user) for name, n in nodes],
        )
    missing = [result.id for result in results if result.error]
    if missing:
        terminal.warning(f"Not configured: {', '.join(missing)}. Mend what is said above, then run this again.")
    elif federation.nodes and not exit_code(list(results)):
        terminal.say(f"\nNext: mip-salt -f {folder.name} apply")

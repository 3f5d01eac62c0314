"""How commands show results of nodes: a table for people, one document for programs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder
from mip_salt.remote.results import NodeResult, exit_code

if TYPE_CHECKING:
    from mip_salt.commands.context import Request
    from mip_salt.federation.model import Federation


def show_failure(request: Request, result: NodeResult) -> None:
    """Say what went wrong on one node, as an error does."""
    request.terminal.error(MipError(result.error, node=result.id, hint=result.hint, command=result.command))


def document(
    request: Request, federation: Federation, results: Sequence[NodeResult], disabled: Collection[str] = ()
) -> dict[str, Any]:
    """Return the one JSON document of a command.

    disabled
        Ids of the nodes that were chosen and not asked, because they are disabled.
    """
    from mip_salt.federation.node_ids import order_of

    rows = {result.id: _row(federation, result.id, str(result.kind), result) for result in results}
    rows |= {name: _row(federation, name, "disabled", None) for name in disabled}
    return {
        "federation": federation.federation,
        "command": request.command,
        "nodes": [rows[name] for name in sorted(rows, key=order_of)],
    }


def _row(federation: Federation, name: str, kind: str, result: NodeResult | None) -> dict[str, Any]:
    node, facts = federation.nodes.get(name), result.facts if result else {}
    return {
        "id": name,
        "role": str(node.role) if node else facts.get("role", ""),
        "hostname": (node.hostname if node else None) or facts.get("hostname", ""),
        "kind": kind,
        "changed": result.changed if result else 0,
        "failed": result.failed if result else 0,
        "error": result.error if result else "",
        "seconds": round(result.seconds, 2) if result else 0.0,
    }


def show_nodes(request: Request, folder: Folder, results: Sequence[NodeResult]) -> None:
    """Show what a federation now is, and what to do next."""
    from mip_salt.federation.document import load  # for the table of `status` the schema is not needed

    federation = load(folder)
    if request.json_output:
        request.terminal.document(document(request, federation, results))
        return
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

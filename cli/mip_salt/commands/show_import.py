"""How the plan of an import is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mip_salt.federation.address import join_address
from mip_salt.federation.node_ids import role_of
from mip_salt.printable import printable

if TYPE_CHECKING:
    from mip_salt.commands.context import Request
    from mip_salt.terminal import Terminal
    from mip_salt.workflows.incumbent import Plan


def show_plan(terminal: Terminal, plan: Plan) -> None:
    """Show which nodes become ours, what else is kept, what is not and why, and what is wrong."""
    terminal.title(f"From {printable(plan.incumbent.source.place)}, which is only read, to {plan.folder.path}")
    terminal.table(
        ("NODE", "HOSTNAME", "ADDRESS", "USER", "PASSWORD", "BECOMES"),
        [
            (
                node.id,
                node.hostname or "to confirm",
                join_address(node.address, node.port),
                node.user,
                plan.password(node),
                plan.becomes(node),
            )
            for node in plan.nodes
        ],
    )
    if plan.incumbent.kept:
        terminal.say("\nKept, in pillar/federation.sls:")
        terminal.facts([(kept.name, f"{kept.value}  ({kept.told})") for kept in plan.incumbent.kept])
    terminal.say("\nNot kept:")
    terminal.facts([*((left.what, left.why) for left in plan.incumbent.left), *ALWAYS_LEFT])
    warnings = plan.warnings()
    if warnings:
        terminal.say()
    for warning in warnings:
        terminal.warning(warning)
    if plan.fresh:
        terminal.say("\nNothing is written yet. Every node's host key is confirmed before its password is sent.")
    else:
        terminal.say(f"\nNothing to do: all these nodes are in {plan.folder.name} already.")


ALWAYS_LEFT = (
    ("its SSH key", "a federation of ours makes its own"),
    ("the passwords", "used once, to install the identity"),
)


def as_document(request: Request, plan: Plan) -> dict[str, Any]:
    """Return the plan as the one JSON document of the command; it has no secret."""
    return {
        "federation": plan.folder.name,
        "command": request.command,
        "source": str(plan.incumbent.source.place),
        "nodes": [
            {
                "id": node.id,
                "role": str(role_of(node.id)),
                "hostname": node.hostname or "",
                "address": node.address,
                "port": node.port,
                "user": node.user,
                "password": plan.password(node),
                "becomes": plan.becomes(node),
            }
            for node in plan.nodes
        ],
        "kept": {kept.name: kept.value for kept in plan.incumbent.kept},
        "not_kept": [{"what": left.what, "why": left.why} for left in plan.incumbent.left],
        "flaws": [
            {"file": flaw.file, "line": flaw.line, "text": flaw.text, "leak": flaw.leak}
            for flaw in plan.incumbent.flaws
        ],
    }

"""How `service status` is shown: a line a node, a block a node, or JSON."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mip_salt.commands.findings_view import as_rows
from mip_salt.commands.status_view import LEVELS, age, ago, iso, span
from mip_salt.terminal import STYLES, Cell
from mip_salt.workflows.service_status import Row

if TYPE_CHECKING:
    from mip_salt.workflows.findings import Finding
    from mip_salt.workflows.running import Looked

COLUMNS = ("NODE", "STATE", "SWARM", "TASKS", "UP", "EXAREME", "KEYSTORE", "DATASETS")
OF_STATES = {"running": "green", "failing": "bold red", "silent": "bold red", "stopped": "yellow"}
UNKNOWN = "unknown"


def line(row: Row) -> tuple[Cell, ...]:
    """Return one node's line of the table."""
    return (
        row.id,
        (row.state, OF_STATES.get(row.state) or STYLES.get(row.state, "")),
        row.swarm or "-",
        _tasks(row),
        "-" if row.up is None else span(row.up),
        _named(row, row.active, "active", "missing"),
        _named(row, row.registered, "known", "missing"),
        _datasets(row),
    )


def _tasks(row: Row) -> str:
    return "-" if row.wanted is None else f"{row.running}/{row.wanted}"


def _named(row: Row, found: bool | None, yes: str, no: str) -> Cell:
    if found is None:
        return "-"
    return yes if found else (no, "red" if row.state in ("running", "silent") else "")


def _datasets(row: Row) -> str:
    if row.registered is None:
        return "-"
    many = sum(len(names) for names in row.datasets.values())
    return f"{many} in {len(row.datasets)}" if many else "none"


def block(row: Row, now: datetime) -> list[tuple[Cell, Cell]]:
    """Return all that was said of a node, by whom."""
    who = row.node.hostname or "hostname not confirmed"
    facts: list[tuple[Cell, Cell]] = [("role", f"{row.node.role}, {who}")]
    if row.asked:
        facts.append(("asked", f"{ago(row.asked, now)}, at {iso(row.asked)}"))
    if row.swarm:
        facts.append(("the manager says", f"{row.swarm}, {_tasks(row)} tasks run"))
    facts += [(f"  {one.name}", f"{one.running} of {one.wanted}, {one.image}") for one in row.services]
    if row.active is not None:
        facts.append(("exareme says", "active" if row.active else "does not name it"))
    if row.registered is not None:
        facts.append(("the keystore says", "registered" if row.registered else "does not know it"))
    facts += [(f"  {pathology}", ", ".join(names) or "none") for pathology, names in sorted(row.datasets.items())]
    if row.containers:
        many = len(row.containers)
        facts.append(("its engine says", f"{many} container{'s' if many > 1 else ''}"))
    for one in row.containers:
        since = "" if one.seconds is None else f", up {span(one.seconds)}"
        facts.append((f"  {one.service}", (f"{one.state}{since}", "" if one.well else "red")))
    facts += [(found.what, (found.said, LEVELS.get(found.level, ""))) for found in row.troubles]
    return facts


def trouble(row: Row, found: Finding) -> str:
    """Return what is not well with a node, before its remedy."""
    return f"{row.id}: {found.what}: {found.said}"


def as_json(row: Row, now: datetime) -> dict[str, Any]:
    """Return one node's part of the document."""
    result = row.result
    return {
        "id": row.id,
        "role": str(row.node.role),
        "hostname": row.node.hostname or "",
        "kind": "disabled" if row.state == "disabled" else str(result.kind) if result else "",
        "error": result.error if result else "",
        "seconds": round(result.seconds, 2) if result else 0.0,
        "state": row.state,
        "asked": {"at": iso(row.asked), "age": round(age(row.asked, now), 1)} if row.asked else None,
        "swarm": row.swarm,
        "tasks": {"wanted": row.wanted, "running": row.running},
        "up": row.up,
        "services": [{**one.__dict__, "why": list(one.why)} for one in row.services],
        "containers": [one.__dict__ for one in row.containers],
        "exareme": {"active": row.active},
        "keystore": {
            "registered": row.registered,
            "datasets": {name: list(sets) for name, sets in row.datasets.items()},
        },
        "troubles": as_rows(row.troubles),
    }


def asked(looked: Looked, now: datetime) -> str:
    """Return when all of it was asked."""
    oldest = min(looked.asked.values(), default=now)
    return f"Asked {ago(oldest, now)}, at {iso(oldest)}: {', '.join(sorted(looked.asked))}."

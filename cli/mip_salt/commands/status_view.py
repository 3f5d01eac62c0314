"""How the nodes' status is shown: a line a node, a block a node, or JSON; always with its age."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from mip_salt.commands.findings_view import as_rows
from mip_salt.federation.address import join_address
from mip_salt.federation.seen import LastApply, Sighting, plain
from mip_salt.terminal import STYLES, Cell
from mip_salt.workflows.findings import Finding, Level, disk_level, findings
from mip_salt.workflows.status import NodeStatus

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

COLUMNS = ("NODE", "STATE", "SEEN", "SYSTEM", "ENGINE", "FREE", "CLOCK", "LAST APPLY")
WORDS = {"ok": "reachable"}
# In 80 columns "Debian GNU/Linux 12 (bookworm)" is "Debian 12", and "Ubuntu 22.04.4 LTS" is "Ubuntu 22.04".
SHORT = re.compile(r" GNU/Linux| \([a-z ]+\)|(?<=\d\.\d\d)\.\d+| LTS")
LEVELS = {Level.FAIL: "bold red", Level.WARN: "yellow"}
UNKNOWN = "unknown"
VERSIONS = ("mip", "exareme", "mip_commit", "exareme_commit")


def word_of(row: NodeStatus) -> str:
    """Return how a node is, in one word."""
    return WORDS.get(row.kind, row.kind)


def age(at: datetime, now: datetime) -> float:
    """Return how old something is, in seconds; never negative, whatever a clock did in between."""
    return max(0.0, (now - at).total_seconds())


def span(seconds: float) -> str:
    """Return a time as people say it: 12 s, 5 min, 3 h, 4 d."""
    for unit, size, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds < most * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def ago(at: datetime | None, now: datetime) -> str:
    """Return when something was, seen from now: now, 12 s ago, never."""
    if at is None:
        return "never"
    seconds = age(at, now)
    return "now" if seconds < 2 else f"{span(seconds)} ago"


def line(row: NodeStatus, now: datetime) -> tuple[Cell, ...]:
    """Return one node's line of the table; facts that were not asked now are dim."""
    dim = "" if row.now else "dim"
    trouble = LEVELS.get(row.troubles[0].level) if row.troubles else ""
    state: Cell = (word_of(row), trouble or STYLES.get(row.kind, ""))
    seen = row.sighting
    applied = row.apply
    last: Cell = (f"{applied.kind} {span(age(applied.at, now))}", STYLES.get(applied.kind, "")) if applied else "never"
    if seen is None:
        return (row.id, state, "never", *["-"] * 4, last)
    free, level = _least_free(seen)
    return (
        row.id,
        state,
        (_seen(row, seen, now), dim),
        (SHORT.sub("", seen.os), dim),
        (_engine(seen), dim),
        (free, dim or LEVELS.get(level, "")),
        (_clock(seen.skew), dim),
        last,
    )


def _engine(seen: Sighting) -> str:
    if seen.engine == "running":
        return (seen.engine_version or "running").partition("+")[0]
    return seen.engine or UNKNOWN


def _seen(row: NodeStatus, seen: Sighting, now: datetime) -> str:
    """Return when a node was seen; `now` only if it was asked now, however fresh its facts are."""
    return ago(seen.at, now) if row.now else f"{span(age(seen.at, now))} ago"


def _clock(skew: float | None) -> str:
    if skew is None:
        return UNKNOWN
    return (
        "0.0 s"
        if abs(skew) < 0.05
        else f"{'+' if skew > 0 else '-'}{span(abs(skew)) if abs(skew) > 9.9 else f'{abs(skew):.1f} s'}"
    )


def _least_free(seen: Sighting) -> tuple[str, Level]:
    if not seen.disks:
        return UNKNOWN, Level.UNKNOWN
    order = [Level.FAIL, Level.WARN, Level.OK]
    worst = min(seen.disks.values(), key=lambda disk: (order.index(disk_level(disk)), disk.percent_free))
    return f"{worst.percent_free:.0f}%", disk_level(worst)


def notes(rows: Sequence[NodeStatus]) -> list[str]:
    """Return a line for each thing that is not well."""
    lines = []
    for row in rows:
        if row.error:
            lines.append(f"✘ {row.id}: {row.error.partition(chr(10))[0]}")
        lines += [f"! {row.id}: {trouble(found)}" for found in row.troubles]
    return lines


def trouble(found: Finding) -> str:
    """Return one thing that is not well, and its remedy, in a line."""
    return ". ".join(filter(None, (f"{found.what}: {found.said}", found.remedy)))


def block(federation: Federation, row: NodeStatus, now: datetime) -> list[tuple[Cell, Cell]]:
    """Return all that is known of a node, each fact with what it is and, above them, when it was so."""
    node, seen = row.node, row.sighting
    where = join_address(node.address, node.port) + (f" through {node.bastion}" if node.bastion else "")
    versions = federation.versions
    facts: list[tuple[Cell, Cell]] = [
        ("role", ", ".join(filter(None, (str(node.role), node.site)))),
        ("address", f"{where}, as {node.user}"),
        ("machine", f"{node.hostname or 'not confirmed'} ({node.machine_id or 'no machine-id'})"),
        (
            "versions",
            f"MIP {versions.mip or UNKNOWN}, exareme {versions.exareme or UNKNOWN}, as the federation says",
        ),
        ("last apply", _applied(row, now)),
    ]
    if seen is None:
        return [*facts, ("facts", "never seen")]
    when = "asked now" if row.now and age(seen.at, now) < 2 else f"last seen {_seen(row, seen, now)}"
    dim = "" if row.now else "dim"
    facts.append(("facts", (f"{when}, at {iso(seen.at)}", "" if row.now else "yellow")))
    told = [
        ("system", f"{seen.os}, kernel {seen.kernel or UNKNOWN}"),
        ("size", f"{seen.cpus} CPUs, {seen.memory / 1024 / 1024:.1f} GiB of memory, {seen.arch}"),
        ("up", f"for {span(seen.uptime)}" if seen.uptime is not None else UNKNOWN),
    ]
    facts += [(what, (text, dim)) for what, text in told]
    facts += [
        (found.what, (found.said, dim or LEVELS.get(found.level, ""))) for found in findings(federation, row.id, seen)
    ]
    return facts


def _applied(row: NodeStatus, now: datetime) -> str:
    done = row.apply
    if done is None:
        return "never"
    counts = f"{done.changed} changed, {done.failed} failed, in {done.seconds:.0f} s"
    return f"{done.kind}, {ago(done.at, now)}: {counts}"


def as_json(federation: Federation, row: NodeStatus, now: datetime) -> dict[str, Any]:
    """Return one node's part of the document: what every command tells, and the facts with their times and ages."""
    seen, node, applied = row.sighting, row.node, row.apply
    return {
        "id": row.id,
        "role": str(node.role),
        "hostname": node.hostname or "",
        "kind": row.kind,
        "changed": 0,
        "failed": 0,
        "error": row.error,
        "hint": row.hint,
        "seconds": round(row.seconds, 2),
        "state": word_of(row),
        "asked": _moment(row.asked, now),
        "seen": _moment(seen.at if seen else None, now),
        "asked_now": row.now,
        "facts": _without_time(seen) if seen else None,
        "troubles": as_rows(row.troubles),
        "apply": {**_without_time(applied), **(_moment(applied.at, now) or {})} if applied else None,
        "versions": {name: getattr(federation.versions, name) for name in VERSIONS},
    }


def _without_time(told: Sighting | LastApply) -> dict[str, Any]:
    return {name: value for name, value in plain(told).items() if name != "at"}


def _moment(at: datetime | None, now: datetime) -> dict[str, Any] | None:
    return {"at": iso(at), "age": round(age(at, now), 1)} if at else None


def iso(at: datetime) -> str:
    """Return a time as ISO 8601 writes it, in UTC, to the second."""
    return at.astimezone(timezone.utc).isoformat(timespec="seconds")

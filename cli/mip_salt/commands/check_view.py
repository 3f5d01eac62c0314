"""How a preflight is shown: who reaches whom, what is not well with its remedy, or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mip_salt.commands.findings_view import SIGNS, as_rows
from mip_salt.workflows.findings import Finding, Level
from mip_salt.workflows.preflight.report import SERIOUSNESS

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation
    from mip_salt.terminal import Cell
    from mip_salt.workflows.preflight.report import Report

NOTHING: Cell = ("·", "dim")
LEGEND = "✔ all arrives  ✘ something does not  ! see below  ? not known  · not needed"
GAP = 2


def matrix(report: Report, width: int) -> tuple[Sequence[str], list[list[Cell]]]:
    """Return the table of who reaches whom: a line a sender, a column a receiver.

    width
        Columns of the terminal. A table that is wider shows only the nodes with something amiss; if they are too many
        as well, it is empty, and the list below it tells.
    """
    names = list(report.members)
    table = _table(report, names)
    if _width(table[0]) > width:
        amiss = {way.source for way in report.ways if way.level is not Level.OK}
        amiss |= {way.target for way in report.ways if way.level is not Level.OK}
        table = _table(report, [name for name in names if name in amiss])
    return table if _width(table[0]) <= width else ((), [])


def _table(report: Report, names: Sequence[str]) -> tuple[Sequence[str], list[list[Cell]]]:
    needed = {(way.source, way.target) for way in report.ways}
    sources = [name for name in names if any(pair[0] == name for pair in needed)]
    targets = [name for name in names if any(pair[1] == name for pair in needed)]
    rows = [[source, *(_cell(report, source, target) for target in targets)] for source in sources]
    return (("FROM", *targets), rows) if rows else ((), [])


def _cell(report: Report, source: str, target: str) -> Cell:
    level = report.level(source, target)
    return SIGNS[level] if level else NOTHING


def _width(columns: Sequence[str]) -> int:
    return sum(len(column) + GAP for column in columns)


def lines(report: Report, *, everything: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what is to be told, the worst first: a line, its remedy and its style.

    everything
        What is well, too.
    """
    told = [
        (found.level, f"{', '.join(names)}: {found.what}: {found.said}", found.remedy)
        for names, found in report.troubles()
    ]
    told += [(group.level, group.words, group.remedy) for group in report.groups()]
    if everything:
        told += [
            (found.level, f"{name}: {found.what}: {found.said}", "")
            for name, rows in report.nodes.items()
            for found in rows
            if found.level is Level.OK
        ]
    for level, text, remedy in sorted(told, key=lambda row: SERIOUSNESS.index(row[0])):
        sign, style = SIGNS[level]
        yield f"{sign} {text}", remedy, style


def summary(report: Report) -> str:
    """Return what was tried, in one line."""
    shut = sum(way.level is Level.FAIL for way in report.ways)
    tried = f"{len(report.ways)} ways between {len(report.members)} nodes tried in {report.seconds:.1f} s"
    return f"{tried}; {f'{shut} shut' if shut else 'none shut'}."


def as_json(federation: Federation, command: str, report: Report) -> dict[str, Any]:
    """Return the same facts as one document."""
    return {
        "federation": federation.federation,
        "command": command,
        "nodes": [
            {
                "id": name,
                "role": str(federation.nodes[name].role),
                "kind": _kind(rows),
                "findings": as_rows(rows),
            }
            for name, rows in report.nodes.items()
        ],
        "ways": [
            {
                "from": way.source,
                "to": way.target,
                "way": way.way,
                "level": str(way.level),
                "kind": way.kind,
                "said": way.said,
                "remedy": way.remedy,
                "held": way.held,
            }
            for way in report.ways
        ],
        "seconds": round(report.seconds, 2),
    }


def _kind(rows: Sequence[Finding]) -> str:
    failed = [each.kind for each in rows if each.level is Level.FAIL]
    return failed[0] if failed else "ok"

"""What a state run did on a node, row by row, read from data that the node may have made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mip_salt.printable import printable

# Functions of Salt whose return is a mapping of states.
STATE_RUNS = frozenset(
    f"state.{name}" for name in ("apply", "highstate", "sls", "sls_id", "single", "low", "high", "top", "pkg")
)
MAX_ROWS = 2000
MAX_CHANGES = 8
COMMENT = 500


@dataclass(frozen=True)
class StateRow:
    """One state.

    result
        True, False, or None for what a test run would change.
    changes
        Names of what changed, never the values: those may be secrets.
    seconds
        Time it took on the node.
    """

    id: str
    name: str
    function: str
    result: bool | None
    comment: str
    changes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class StateRun:
    """A whole run; the counts are of all rows, also of those that the list is too short for."""

    rows: tuple[StateRow, ...]
    ok: int
    changed: int
    failed: int

    def failures(self) -> list[StateRow]:
        """Return the rows that failed."""
        return [row for row in self.rows if row.result is False]


def state_run(data: Any) -> StateRun | None:
    """Return the run that a return tells; None if it is no mapping of states, or empty.

    An empty one is what Salt returns for a lost race, with exit code 0 (measured, 3008.3).
    """
    if not isinstance(data, Mapping) or not data:
        return None
    rows = []
    for key, value in data.items():
        row = _row(key, value)
        if row is None:
            return None
        rows.append(row)
    rows.sort(key=lambda pair: pair[0])
    states = [row for _, row in rows]
    changed = sum(row.result is None or (row.result is True and bool(row.changes)) for row in states)
    failed = sum(row.result is False for row in states)
    # Failures are kept first when the list is too long: they are what it is read for.
    kept = states if len(states) <= MAX_ROWS else sorted(states, key=lambda row: row.result is not False)
    return StateRun(tuple(kept[:MAX_ROWS]), len(states) - changed - failed, changed, failed)


def _row(key: Any, value: Any) -> tuple[float, StateRow] | None:
    parts = key.split("_|-") if isinstance(key, str) else []
    if len(parts) < 4 or not isinstance(value, Mapping) or "result" not in value:
        return None
    result, changes = value["result"], value.get("changes")
    if not (result is None or isinstance(result, bool)):
        return None
    if isinstance(changes, Mapping):
        # A list of them, not all: a node may send a million.
        names = tuple(printable(name, 60) for name, _ in zip(changes, range(MAX_CHANGES), strict=False))
    else:
        names = ("changes",) if changes else ()
    return _number(value.get("__run_num__")), StateRow(
        id=printable(value.get("__id__", parts[1])),
        name=printable(value.get("name", parts[-2])),
        function=printable(f"{parts[0]}.{parts[-1]}", 80),
        result=result,
        comment=_comment(value.get("comment")),
        changes=names,
        seconds=_number(value.get("duration")) / 1000,
    )


def _comment(comment: Any) -> str:
    if isinstance(comment, list):
        comment = "; ".join(str(part)[:COMMENT] for part in comment[:10])
    text = comment[: COMMENT * 2] if isinstance(comment, str) else ""
    return printable("; ".join(line.strip() for line in text.splitlines() if line.strip()), COMMENT)


def _number(value: Any) -> float:
    """Return a number a node sent, within reason: Salt sends durations as numbers or as ``"12.3 ms"``."""
    if isinstance(value, str):
        try:
            value = float(value[:20].split(" ")[0])
        except ValueError:
            return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 1e9 else 0.0

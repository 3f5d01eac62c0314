"""What a state run did on a node, row by row, read from data that the node may have made up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from mip_salt.printable import printable

# Functions of Salt whose return is a mapping of states.
STATE_RUNS = frozenset(
    f"state.{name}" for name in ("apply", "highstate", "sls", "sls_id", "single", "low", "high", "top", "pkg")
)
MAX_ROWS = 2000
MAX_CHANGES = 8
MAX_DIFF = 200  # lines of one state
COMMENT = 500
SLS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class StateRow:
    """One state.

    result
        True, False, or None for what a test run would change.
    changes
        Names of what changed, never the values: those may be secrets.
    seconds
        Time it took on the node.
    sls
        The file of states that it stands in, as Salt names it; empty if the node does not tell.
    diff
        What changed, in lines; it may hold secrets, so it is shown only to an operator who asks for it.
    """

    id: str
    name: str
    function: str
    result: bool | None
    comment: str
    changes: tuple[str, ...] = ()
    seconds: float = 0.0
    sls: str = ""
    diff: tuple[str, ...] = field(default=(), repr=False)

    @property
    def would_change(self) -> bool:
        """Say whether it changed something, or would if this were no test."""
        return self.result is None or (self.result is True and bool(self.changes))


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

    def changes(self) -> list[StateRow]:
        """Return the rows that changed something, or would."""
        return [row for row in self.rows if row.would_change]


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
    changed = sum(row.would_change for row in states)
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
        comment=_comment(value.get("comment")) + (_ended(changes) if result is False else ""),
        changes=names,
        seconds=_number(value.get("duration")) / 1000,
        sls=sls if isinstance(sls := value.get("__sls__"), str) and SLS.fullmatch(sls) else "",
        diff=tuple(islice(_diff(changes), MAX_DIFF)),
    )


def _ended(changes: Any) -> str:
    """Tell how a command of a failed ``cmd`` state ended: its comment says only that it ran."""
    if not isinstance(changes, Mapping) or not isinstance(changes.get("retcode"), int):
        return ""
    said = [
        line for key in ("stdout", "stderr") if isinstance(text := changes.get(key), str) for line in text.split("\n")
    ]
    last = next((line.strip() for line in reversed(said) if line.strip()), "without a word")
    return f": exit {changes['retcode'] % 1000}, {printable(last)}"


def _diff(changes: Any) -> Iterator[str]:
    """Tell what changed: a state's own diff, else each name with what it was and is."""
    rows = islice(changes.items(), MAX_CHANGES) if isinstance(changes, Mapping) else [("", changes)] if changes else []
    for name, value in rows:
        if isinstance(value, str) and "\n" in value:
            yield from (printable(line.expandtabs(4)) for line in islice(value.splitlines(), MAX_DIFF))
            continue
        shown = f"{_brief(value['old'])} → {_brief(value['new'])}" if _is_change(value) else _brief(value)
        yield f"{printable(name, 60)}: {shown}" if name else shown


def _is_change(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"old", "new"}


def _brief(value: Any) -> str:
    if isinstance(value, Mapping) and value:
        value = ", ".join(f"{name}: {part}" for name, part in islice(value.items(), MAX_CHANGES))
    return printable(value) if value not in ("", None) else "nothing"


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

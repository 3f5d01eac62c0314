"""How findings are shown, wherever something is looked at: a sign and its style, or JSON."""

from __future__ import annotations

from collections.abc import Iterable

from mip_salt.workflows.findings import Finding, Level

SIGNS = {
    Level.OK: ("✔", "green"),
    Level.WARN: ("!", "yellow"),
    Level.FAIL: ("✘", "bold red"),
    Level.UNKNOWN: ("?", "dim"),
}


def as_rows(found: Iterable[Finding]) -> list[dict[str, str]]:
    """Return findings as a document has them."""
    return [{"what": each.what, "level": str(each.level), "said": each.said, "remedy": each.remedy} for each in found]

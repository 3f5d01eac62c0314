"""Which logs of which nodes are wanted, how much of them, and since when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mip_salt.errors import UsageError
from mip_salt.federation.model import Federation
from mip_salt.federation.problems import did_you_mean
from mip_salt.printable import printable
from mip_salt.workflows.logs.components import COMPONENTS, NAMES

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Source:
    """One log: a node's id, and the component."""

    node: str
    component: str


@dataclass(frozen=True)
class Wanted:
    """What is wanted of each log.

    limit
        Records of what was, at most.
    since
        None older: seconds since 1970, or so many ago by the node's own clock if below zero.
    follow
        Go on as it grows.
    """

    limit: int
    since: float | None = None
    follow: bool = False

    def order(self, federation: Federation, source: Source) -> dict[str, Any]:
        """Return the order for the program on the node."""
        how = COMPONENTS[federation.nodes[source.node].role][source.component]
        return {**how, "limit": self.limit, "since": self.since, "follow": self.follow}


def sources(federation: Federation, nodes: Sequence[str], components: Sequence[str], *, named: bool) -> list[Source]:
    """Return the logs of some nodes.

    components
        Those of it that a node has; none for the one that is meant there.
    named
        Whether the operator named the nodes: then each must have one.

    Raises UsageError if there is no such component, a node that was named has none of them, or no node has.
    """
    unknown = [one for one in components if one not in NAMES]
    if unknown:
        raise UsageError(
            f"{printable(unknown[0], 40)!r} is no component{did_you_mean(unknown[0], NAMES)}",
            hint=f"There are: {', '.join(NAMES)}.",
        )
    found = []
    for name in nodes:
        known = COMPONENTS[federation.nodes[name].role]
        own = [one for one in components if one in known] if components else list(known)[:1]
        if named and not own:
            raise UsageError(f"{name} has no {' or '.join(components)}", hint=f"It has: {', '.join(known)}.")
        found += [Source(name, one) for one in own]
    if not found:
        raise UsageError(
            f"no enabled node has {' or '.join(components) or 'a log'}",
            hint=f"See which there are: mip-salt -f {federation.federation} node list",
        )
    return found


def since_of(text: str) -> float:
    """Return what ``--since`` says: seconds ago as a negative number, or seconds since 1970.

    text
        ``90s``, ``10m``, ``2h``, ``3d``, or a time as ISO 8601 writes it, in this machine's zone if it names none.

    Raises UsageError with the rule.
    """
    ago = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if ago:
        return -float(int(ago[1]) * UNITS[ago[2]])
    try:
        return datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{printable(text, 40)!r} is no time",
            hint="Say how long ago, 90s, 10m, 2h or 3d, or when: 2026-11-28T03:00 (this machine's zone), "
            "2026-11-28T03:00Z.",
        ) from None

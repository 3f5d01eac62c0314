"""What came of one piece of work on one node."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from mip_salt.errors import EXIT_CODES, worst


class Kind(str, Enum):
    """How it went, in one word."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    LOGIN = "login"
    BUSY = "busy"
    INTERRUPTED = "interrupted"
    DAMAGED = "damaged"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class NodeResult:
    """One node's result; every text in it is already inert.

    data
        What the function returned, validated by whoever asked.
    error
        Why it is neither ``ok`` nor ``changed``.
    seconds
        Wall time it took.
    command
        The command that reproduces it.
    changed, failed
        Number of states that changed something, and that failed.
    """

    id: str
    kind: Kind
    data: Any = None
    error: str = ""
    hint: str = ""
    seconds: float = 0.0
    command: str = ""
    changed: int = 0
    failed: int = 0
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Return the exit code of this result alone."""
        return EXIT_CODES.get(str(self.kind), 0)


class Progress(NamedTuple):
    """How far a state run on one node is; what it says of itself is inert, but no more than a node's word.

    node
        The node's id.
    done
        States that have ended.
    total
        States of the run; 0 while they are not known yet.
    state
        The one in hand, as ``function id``; empty if the node does not say.
    """

    node: str
    done: int
    total: int
    state: str = ""


def exit_code(results: list[NodeResult]) -> int:
    """Return the exit code of several results: the most serious wins."""
    return worst(result.exit_code for result in results)

"""What a node's id says: its role, and its place among the others."""

from __future__ import annotations

import re
from enum import Enum

NODE_ID = re.compile(r"(ms|ui|wk[1-9][0-9]{0,2})\Z")


class Role(str, Enum):
    """What a node does in its federation."""

    MASTER = "master"
    UI = "ui"
    WORKER = "worker"

    def __str__(self) -> str:
        return self.value


def role_of(node: str) -> Role:
    """Return the role that a node's id tells: ``ms`` master, ``ui`` ui, ``wkN`` worker.

    Raises ValueError with the rule.
    """
    if not NODE_ID.match(node):
        raise ValueError("a node's id is ms (master), ui, or wk1, wk2, … (workers)")
    return {"ms": Role.MASTER, "ui": Role.UI}.get(node, Role.WORKER)


def order_of(node: str) -> tuple[int, int]:
    """Return the key that sorts ids as people read them: ms, ui, wk1, wk2, … wk10."""
    return (0, 0) if node == "ms" else (1, 0) if node == "ui" else (2, int(node[2:]))

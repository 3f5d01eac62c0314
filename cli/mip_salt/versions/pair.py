"""MIP and exareme at one commit each, and what is needed of both."""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMIT = re.compile(r"[0-9a-f]{40}\Z")
MAX_NAME = 100


@dataclass(frozen=True)
class Pin:
    """One project at one commit.

    name
        Its tag, its branch, or the commit itself.
    """

    name: str
    commit: str

    def __str__(self) -> str:
        return self.commit[:12] if self.name == self.commit else self.name

    @property
    def is_valid(self) -> bool:
        """Say whether both have the form that the federation's document asks of them."""
        named = isinstance(self.name, str) and self.name.isprintable() and len(self.name) <= MAX_NAME
        return named and isinstance(self.commit, str) and bool(COMMIT.match(self.commit))


@dataclass(frozen=True)
class Pair:
    """MIP and exareme, and what is needed of both.

    validated
        The exareme that this MIP was validated with; empty if it names none.
    compose
        The folder of exareme's compose files.
    """

    mip: Pin
    exareme: Pin
    validated: str
    mip_paths: tuple[str, ...]
    exareme_paths: tuple[str, ...]
    compose: str

    def __str__(self) -> str:
        return f"MIP {self.mip} with exareme {self.exareme}"

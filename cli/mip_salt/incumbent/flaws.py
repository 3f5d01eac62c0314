"""What is wrong in the incumbent's files: each flaw with its file and line, so that it can be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST = 50


@dataclass(frozen=True)
class Flaw:
    """One thing that is not as it should be, and what was made of it.

    line
        Counted from 1; 0 is the whole file.
    leak
        Whether a secret lies open: the operator has to act, whatever comes of the import.
    """

    file: str
    line: int
    text: str
    leak: bool = False

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.text}"


@dataclass
class Flaws:
    """The flaws of one file; after so many, only that there are more: a file of noise has one per line."""

    file: str
    found: list[Flaw] = field(default_factory=list)
    more: int = 0

    def add(self, line: int, text: str, *, leak: bool = False) -> None:
        """Note one flaw; text is made of printable parts."""
        if leak or len(self.found) < MOST:
            self.found.append(Flaw(self.file, line, text, leak))
        else:
            self.more += 1

    def all(self) -> list[Flaw]:
        """Return what was noted, by line."""
        rest = [Flaw(self.file, 0, f"{self.more} more lines are wrong")] if self.more else []
        return sorted(self.found, key=lambda flaw: flaw.line) + rest

"""How far downloads are: a bar each, drawn in place on a terminal, else a line when a step begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mip_salt.versions.git import Progress

if TYPE_CHECKING:
    from mip_salt.terminal import Terminal
    from mip_salt.versions.source import Source

WIDTH = 12  # with the longest of what follows, a line has 80 columns
SECONDS_BETWEEN = 0.1  # drawing costs more than most steps take


class Downloads:
    """What is being fetched or made, by name; drawn while `drawn` is open, so that questions can stand in between."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.draw: Callable[[Sequence[Sequence[str]]], None] | None = None
        self.last = 0.0
        self.at: dict[str, Progress] = {}

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw for the while."""
        self.at.clear()
        with self.terminal.live() as self.draw:
            yield
        self.draw = None

    def asking(self, *sources: Source) -> None:
        """Show that sources are asked what they have."""
        for source in sources:
            self.terminal.detail(f"{source.project}: from {source.text}")
            self(source.project, Progress("asking what there is"))

    def __call__(self, name: str, progress: Progress) -> None:
        """Show how far something is."""
        before, self.at[name] = self.at.get(name), progress
        fresh = before is None or before.text != progress.text
        if self.draw:
            if fresh or progress.percent == 100 or time.monotonic() - self.last > SECONDS_BETWEEN:
                self.last = time.monotonic()
                self.draw([(each, "working", line(at)) for each, at in self.at.items()])
        elif fresh:
            self.terminal.detail(f"{name}: {progress.text}")


def line(progress: Progress) -> str:
    """Return a bar, what is done, and how much of it."""
    if progress.percent is None:
        return f"{'·' * WIDTH}        {progress.text}"
    full = progress.percent * WIDTH // 100
    return "  ".join(
        filter(None, (f"{'━' * full}{'·' * (WIDTH - full)}  {progress.percent:3} %", progress.text, progress.amount))
    )

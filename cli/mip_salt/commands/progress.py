"""How far a run is, while it runs: a line a node."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mip_salt.remote.results import NodeResult, Progress
    from mip_salt.terminal import Terminal
    from mip_salt.workflows.apply import Event
    from mip_salt.workflows.joining import Phase


class ProgressLines:
    """A line a node: drawn in place on a terminal, else said once when it begins and once when it ends.

    draw
        What `Terminal.live` gave: draws rows anew, or None where there is nothing to draw on.
    test
        What is counted would change, and does not.
    """

    def __init__(
        self, terminal: Terminal, draw: Callable[[Sequence[Sequence[str]]], None] | None, *, test: bool
    ) -> None:
        self.terminal, self.draw, self.test = terminal, draw, test
        self.began: dict[str, float] = {}
        self.at: dict[str, Progress] = {}
        self.ended: dict[str, tuple[str, ...]] = {}

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        if event.phase:
            self.terminal.say(in_words(event.phase))
        elif event.what == "started":
            self.ended.pop(event.node, None)
            self.at.pop(event.node, None)
            self.began[event.node] = time.monotonic()
        elif event.what == "skipped":
            self.ended[event.node] = (event.node, "disabled", "skipped")
        elif event.progress:
            self.at[event.node] = event.progress
        elif event.result:
            self.ended[event.node] = (event.node, str(event.result.kind), in_short(event.result, test=self.test))
        if self.draw:
            self.draw([self.ended.get(name) or self._working(name) for name in {**self.ended, **self.began}])
        elif event.progress:
            self.terminal.detail(": ".join(self._working(event.node)))
        elif event.what == "started":
            self.terminal.say(f"{event.node}: working")
        elif event.node in self.ended:
            self.terminal.say(": ".join(self.ended[event.node]))

    def _working(self, name: str) -> tuple[str, ...]:
        at, seconds = self.at.get(name), f"{time.monotonic() - self.began[name]:.0f} s"
        if at is None or not at.total:
            return name, "working", seconds
        return name, "working", f"{at.done}/{at.total}  {seconds}  {at.state}"


def in_words(phase: Phase) -> str:
    """Return what a phase does, in one line."""
    return f"{', '.join(phase.nodes)}: {phase.told}"


def in_short(result: NodeResult, *, test: bool) -> str:
    """Return what came of a node in a few words."""
    did = "to change" if test else "changed"
    counts = f"{result.changed} {did}, {result.failed} failed" if result.changed or result.failed else ""
    return ", ".join(filter(None, (counts, f"{result.seconds:.1f} s")))

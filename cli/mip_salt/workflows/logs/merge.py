"""Several logs as one: by time as long as each tells what was, then as they come; a bounded part of each is held."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from mip_salt.ssh.logs import Record
from mip_salt.workflows.logs.wanted import Source

# Records of one log that are held; its node waits meanwhile.
ROOM = 256


class Merge:
    """The logs, each in its own order; their clocks are believed for no more than the place of a record of theirs."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._held: dict[Source, deque[Record]] = {source: deque() for source in sources}
        self._behind = set(sources)

    def add(self, source: Source, record: Record) -> None:
        """Take a record in; see first that there is room."""
        self._held[source].append(record)

    def has_room(self, source: Source) -> bool:
        """Say whether one more record may be held."""
        return len(self._held[source]) < ROOM

    def caught_up(self, source: Source) -> None:
        """Wait for this log no more: it has told what was, or cannot."""
        self._behind.discard(source)

    def take(self) -> Iterator[tuple[Source, Record]]:
        """Yield what may be shown now, the oldest first.

        While a log that is behind has nothing here, an older record of it may still come: then nothing is. Afterwards
        all that is held goes out each time, so that no log keeps others waiting, whatever times it tells.
        """
        waiting = {source for source, held in self._held.items() if held}
        while waiting and not any(not self._held[source] for source in self._behind):
            oldest = min(waiting, key=lambda source: self._held[source][0].stamp)
            yield oldest, self._held[oldest].popleft()
            if not self._held[oldest]:
                waiting.discard(oldest)

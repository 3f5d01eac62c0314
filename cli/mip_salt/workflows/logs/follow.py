"""Read the logs of nodes side by side; one that is gone is tried again, and none waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.errors import MipError, NodeFailed, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.ssh.logs import Caught, Note, Record, Said, read
from mip_salt.vault import masters
from mip_salt.workflows.logs.merge import Merge
from mip_salt.workflows.logs.wanted import Source, Wanted

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

# Seconds until a node is tried again.
FIRST, LONGEST = 1.0, 60.0


@dataclass
class _Place:
    """How far a log was shown: its last stamp, and how many of its records bore it."""

    stamp: str = ""
    count: int = 0

    def take(self, stamp: str) -> None:
        self.count = self.count + 1 if stamp == self.stamp else 1
        self.stamp = stamp


class Logs:
    """Logs that are read.

    agent
        Socket of the ssh-agent that holds the identity.
    show
        Called with what may be shown, in its order.
    tell
        Called with what became of a log: a note, or an error and the seconds until it is tried again (0: not at all).

    Afterwards ``failed`` has why a log could not be read to its end, by its source.
    """

    def __init__(
        self,
        folder: Folder,
        federation: Federation,
        sources: Sequence[Source],
        wanted: Wanted,
        agent: Path,
        *,
        show: Callable[[Iterable[tuple[Source, Record]]], None],
        tell: Callable[[Source, Note | MipError, float], None],
    ) -> None:
        self.folder, self.federation, self.wanted, self.agent = folder, federation, wanted, agent
        self.sources, self.show, self.tell = sources, show, tell
        self.failed: dict[Source, MipError] = {}
        self._merge = Merge(sources)
        self._begun: set[Source] = set()

    def run(self) -> None:
        """Read them; with ``follow`` until the operator ends it, or none can be read any more."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        self._logins = asyncio.Semaphore(self.federation.settings.jobs)
        self._news, self._room = asyncio.Event(), asyncio.Event()
        readers = [asyncio.ensure_future(self._one(source)) for source in self.sources]
        for reader in readers:
            reader.add_done_callback(lambda _: self._news.set())
        while not all(reader.done() for reader in readers):
            await self._news.wait()
            self._news.clear()
            self.show(self._merge.take())
            self._room.set()
            for reader in filter(asyncio.Future.done, readers):
                reader.result()

    async def _one(self, source: Source) -> None:
        """Read one log, again and again if it is followed."""
        place, pause = _Place(), FIRST
        while True:
            begun = replace(place)
            try:
                await self._read(source, place)
                return
            except MipError as err:
                # What never began there, without sudo or Python, does not begin the next time either.
                lost = isinstance(err, Unreachable) or (isinstance(err, NodeFailed) and source in self._begun)
                again = self.wanted.follow and lost
                pause = FIRST if place != begun else pause
                self.tell(source, err, pause if again else 0)
                if not again:
                    self.failed[source] = err
                    return
            finally:
                self._merge.caught_up(source)
                self._news.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST)

    async def _read(self, source: Source, place: _Place) -> None:
        """Read one log until it ends; what was shown before is left out.

        Raises why it cannot be read: of one that is not followed, also that it is not there.
        """
        before, more = replace(place), []
        if not self.wanted.follow:
            more = masters.options(masters.control_path(self.folder, self.federation, source.node, agent=self.agent))
        order = self.wanted.order(self.federation, source)
        words = read(self.folder, self.federation, source.node, order, agent=self.agent, more=more)
        async with aclosing(words):
            said: Said
            async with self._logins:
                said = await anext(words)
            while True:
                if isinstance(said, Caught):
                    before = _Place()
                    self._begun.add(source)
                    self._merge.caught_up(source)
                    self._news.set()
                elif isinstance(said, Note):
                    self._noted(source, said)
                elif said.stamp < before.stamp:
                    pass
                elif said.stamp == before.stamp and before.count:
                    before.count -= 1
                else:
                    before.count = 0
                    place.take(said.stamp)
                    await self._add(source, said)
                try:
                    said = await anext(words)
                except StopAsyncIteration:
                    return

    def _noted(self, source: Source, note: Note) -> None:
        if self.wanted.follow:
            self.tell(source, note, 0)
            return
        raise NodeFailed(
            f"no log of {source.component}: {told(source, note)}",
            node=source.node,
            hint="See what runs there: mip-salt "
            f"-f {self.federation.federation} ssh {source.node} sudo docker ps --all",
        )

    async def _add(self, source: Source, record: Record) -> None:
        while not self._merge.has_room(source):
            self._room.clear()
            await self._room.wait()
        self._merge.add(source, record)
        self._news.set()


def told(source: Source, note: Note) -> str:
    """Return a note in words."""
    return {
        "none": f"there is no container of {source.component}",
        "ended": f"{source.component}'s container ended, exit code {note.more}",
        "again": f"{source.component}'s container was started again",
        "gone": f"{source.component}'s container was removed",
        "silent": "the Docker engine does not answer",
        "refused": f"the Docker engine does not give it: {note.more}",
    }[note.word]

"""Have the nodes try the ways between them: each listens, each sends, all of them at once, in rounds that end."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mip_salt.errors import MipError, Unreachable
from mip_salt.federation import seen
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.node_ids import order_of
from mip_salt.federation.seen import Sighting
from mip_salt.ssh.openssh import Looks
from mip_salt.ssh.probe import Arrived, Probe, Ready, Said, Sent
from mip_salt.workflows.findings import measured_paths
from mip_salt.workflows.preflight.attempts import Attempt
from mip_salt.workflows.preflight.needs import (
    NETWORK,
    Need,
    largest_packet,
    listening,
    needs,
    published,
    rounds,
)
from mip_salt.workflows.status import SECONDS, confirmed

# Seconds: for a probe to start, for one round, and what is left to all of them for the rest.
START, ROUND, REST = 20.0, 3.0, 30.0
# Seconds between two looks at who has answered.
POLL = 0.02
# Nodes that one sends to in one round.
WIDTH = 16


@dataclass(frozen=True)
class Tried:
    """What came of it all.

    chosen
        The nodes that it is about; the other members are those at the other ends.
    sightings, ready, failed
        What each member said of itself, what its probe said first, and why one did not take part to the end.
    attempts
        All that was tried, or was to be.
    seconds
        How long it took.
    """

    chosen: Sequence[str]
    members: Sequence[str]
    sightings: dict[str, Sighting]
    ready: dict[str, Ready]
    failed: dict[str, MipError]
    attempts: list[Attempt]
    seconds: float


def try_ways(
    folder: Folder,
    federation: Federation,
    chosen: Collection[str],
    on_step: Callable[[str], None] = lambda _: None,
    among: Collection[str] | None = None,
) -> Tried:
    """Try every way that the federation needs between its enabled nodes, where one end is among the chosen ones.

    on_step
        Told in a few words how far it is.
    among
        Only between these nodes.

    The federation is held, as nothing may start on the ports meanwhile, and its vault is open. What was seen of the
    nodes is remembered. A node that takes no part fails nothing here: `Tried` says why. Raises Damaged if a file on
    this machine is.
    """
    enabled = [name for name in federation.enabled() if among is None or name in among]
    return asyncio.run(_Run(folder, federation, chosen, enabled, on_step).all())


class _Run:
    def __init__(
        self,
        folder: Folder,
        federation: Federation,
        chosen: Collection[str],
        enabled: Sequence[str],
        on_step: Callable[[str], None],
    ) -> None:
        self.folder, self.federation, self.on_step = folder, federation, on_step
        self.chosen = sorted(set(chosen) & set(enabled), key=order_of)
        wanted = needs(federation, self.chosen, sorted(enabled, key=order_of))
        ends = {end for need in wanted for end in (need.source, need.target)}
        self.members = sorted({*self.chosen, *ends}, key=order_of)
        self.rounds = rounds(wanted, self.members, WIDTH)
        self.id = secrets.token_hex(8)
        self.sightings: dict[str, Sighting] = {}
        self.ready: dict[str, Ready] = {}
        self.failed: dict[str, MipError] = {}
        self.probes: dict[str, Probe] = {}
        self.attempts: dict[str, Attempt] = {}
        self.readers: list[asyncio.Task[None]] = []

    async def all(self) -> Tried:
        started = time.monotonic()
        self.heard = asyncio.Event()
        self.on_step(f"asking {len(self.members)} nodes")
        room = asyncio.Semaphore(self.federation.settings.jobs)
        try:
            # Side by side; why a node is not let in, the asking says best.
            await asyncio.gather(self._ask(), *(self._begin(name, room) for name in self.members))
            for number, wanted in enumerate(self.rounds, 1):
                self.on_step(f"round {number} of {len(self.rounds)}: {len(wanted)} ways")
                await self._round(wanted)
        finally:
            for reader in self.readers:
                reader.cancel()
            await asyncio.gather(*self.readers, return_exceptions=True)
            await asyncio.gather(*(probe.end() for probe in self.probes.values()), return_exceptions=True)
        seen.note(self.folder, sightings=self.sightings)
        return Tried(
            self.chosen,
            self.members,
            self.sightings,
            self.ready,
            self.failed,
            list(self.attempts.values()),
            time.monotonic() - started,
        )

    async def _ask(self) -> None:
        """Ask the nodes how they are, as status does."""
        paths = measured_paths(self.federation)
        with Looks(self.folder, self.federation, paths=paths, timeout=SECONDS) as looks:
            waiting = list(self.members)
            while waiting or len(looks):
                while waiting and len(looks) < self.federation.settings.jobs:
                    looks.begin(waiting.pop(0))
                for name, found in looks.wait(0):
                    try:
                        self.sightings[name] = confirmed(self.federation, name, found)
                    except MipError as err:
                        self.failed[name] = err
                        self.heard.set()
                await asyncio.sleep(POLL)

    async def _begin(self, name: str, room: asyncio.Semaphore) -> None:
        """Start a node's probe."""
        async with room:
            try:
                probe = await Probe.begin(self.folder, self.federation, name, self._order(name))
            except MipError as err:
                self.failed.setdefault(name, err)
                return
            self.probes[name] = probe
            self.readers.append(asyncio.ensure_future(self._hear(name, probe)))
            if not await self._until(lambda: name in self.ready or name in self.failed, START):
                hint = "Look at its load and its disk, then run this again."
                self.failed[name] = Unreachable(f"its probe did not start in {START:g} s", node=name, hint=hint)

    def _order(self, name: str) -> dict[str, object]:
        ways = listening(self.federation, name)
        starts = -(-len(self.members) // self.federation.settings.jobs)
        return {
            "run": self.id,
            # Then it ends by itself, should the pusher be cut off in a way that no connection tells.
            "seconds": round(REST + START * starts + ROUND * len(self.rounds)),
            "listen": [[way.protocol, way.port] for way in ways],
            "free": [["tcp", port] for port in published(self.federation, name)],
        }

    async def _hear(self, name: str, probe: Probe) -> None:
        try:
            async for said in probe.said():
                self._take(name, said)
                self.heard.set()
        except MipError as err:
            self.failed.setdefault(name, err)
            self.heard.set()

    def _take(self, name: str, said: Said) -> None:
        """Take in what a node says: of arrivals only the target's word counts, of sendings only the sender's."""
        if isinstance(said, Ready):
            self.ready.setdefault(name, said)
            return
        attempt = self.attempts.get(said.token)
        if attempt and isinstance(said, Arrived) and attempt.need.target == name:
            attempt.source, attempt.arrived = said.source, max(attempt.arrived, said.size)
        elif attempt and isinstance(said, Sent) and attempt.need.source == name:
            attempt.outcome = said.outcome

    async def _round(self, wanted: Sequence[Need]) -> None:
        tried = [attempt for need in wanted for attempt in self._attempts(need)]
        self.attempts |= {attempt.token: attempt for attempt in tried}
        going = [attempt for attempt in tried if not self._absent(attempt)]
        for name in {attempt.need.source for attempt in going}:
            rows = [
                attempt.row(self.federation.nodes[attempt.need.target].address)
                for attempt in going
                if attempt.need.source == name and attempt.outcome is None
            ]
            await self.probes[name].send(rows)
        await self._until(lambda: all(each.settled or self._absent(each) for each in going), ROUND)

    def _attempts(self, need: Need) -> list[Attempt]:
        """Return what is tried of a need; on the swarm's network also how large a packet gets through."""
        target = self.ready.get(need.target)
        held = target.held.get(need.way.name) if target else None
        found = [Attempt(need, held=held)]
        if need.way == NETWORK:
            found += [Attempt(need, size=largest_packet(self.federation), whole=whole) for whole in (True, False)]
        if target and not target.raw and need.way.protocol != "tcp":
            for attempt in found:
                attempt.outcome = "unseen"
        return found

    def _absent(self, attempt: Attempt) -> bool:
        """Say whether one of its ends takes no part, or no more."""
        ends = (attempt.need.source, attempt.need.target)
        return any(end in self.failed or end not in self.ready for end in ends)

    async def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so; return whether it is, after so many seconds at most."""
        deadline = time.monotonic() + seconds
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.heard.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.heard.wait(), left)
        return True

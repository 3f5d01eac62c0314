"""How every node is: asked now if it answers, else what was last seen of it, and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from mip_salt.errors import MipError
from mip_salt.federation import seen
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node, order_of
from mip_salt.federation.seen import LastApply, Sighting
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.ssh import openssh
from mip_salt.ssh.openssh import Look
from mip_salt.workflows.findings import Finding, Level, measured_paths, troubles

SECONDS = 20.0
# The worst first; what is well but for a trouble comes between.
SERIOUSNESS = ("refused", "login", "damaged", "failed", "unreachable", "ok", "asking", "disabled")


@dataclass(frozen=True)
class NodeStatus:
    """How one node is.

    kind
        A Kind's word, ``asking`` before its first answer, or ``disabled``.
    asked
        When that was found; None for the last two.
    sighting
        What it said when it last answered as the confirmed machine; None if it never did.
    troubles
        What is not well with a node that answered now.
    """

    id: str
    node: Node
    kind: str
    asked: datetime | None = None
    sighting: Sighting | None = None
    apply: LastApply | None = None
    error: str = ""
    hint: str = ""
    command: str = ""
    seconds: float = 0.0
    troubles: Sequence[Finding] = field(default=())

    @property
    def now(self) -> bool:
        """Say whether its facts are those of the last asking."""
        return self.kind == Kind.OK

    @property
    def severity(self) -> tuple[int, int, tuple[int, int]]:
        """Return what sorts the worst first, and equals as people read them."""
        levels = [2 if found.level is Level.FAIL else 1 for found in self.troubles]
        return SERIOUSNESS.index(self.kind), -max(levels, default=0), order_of(self.id)

    def result(self) -> NodeResult:
        """Return it as a result, for the exit code and the document of a command."""
        return NodeResult(
            self.id, Kind(self.kind), error=self.error, hint=self.hint, command=self.command, seconds=self.seconds
        )


class Statuses:
    """The nodes of one status: what is known of each, and how to ask again.

    chosen
        Ids of the nodes; disabled ones are shown and not asked.
    agent
        Socket of the ssh-agent that holds the identity.
    before
        What was found before the federation changed, to begin with.

    ``on_change`` is called when a node's answer has come.
    """

    def __init__(
        self,
        folder: Folder,
        federation: Federation,
        chosen: Sequence[str],
        agent: Path,
        before: Statuses | None = None,
    ) -> None:
        self.folder, self.federation, self.agent = folder, federation, agent
        self.on_change: Callable[[], None] = lambda: None
        known = seen.read(folder)
        self.damaged = known.damaged
        self.rows: dict[str, NodeStatus] = {
            name: self._row(name, known, before.rows.get(name) if before else None) for name in chosen
        }
        self._unwritten: dict[str, Sighting] = {}
        self._stamp = self._document_stamp()

    def _row(self, name: str, seen_before: seen.Seen, before: NodeStatus | None) -> NodeStatus:
        node, known = self.federation.nodes[name], seen_before.of(name)
        kind = "asking" if node.enabled else "disabled"
        if before and before.asked and node.enabled:
            return replace(before, node=node)
        return NodeStatus(name, node, kind, sighting=known.sighting, apply=known.apply)

    def sorted(self) -> list[NodeStatus]:
        """Return the nodes, the worst first."""
        return sorted(self.rows.values(), key=lambda row: row.severity)

    def results(self) -> list[NodeResult]:
        """Return one result for each node that was asked."""
        return [row.result() for row in self.rows.values() if row.asked]

    def once(self) -> None:
        """Ask all enabled nodes side by side; one that hangs costs its own deadline only."""
        try:
            asyncio.run(self._each(self._ask))
        finally:
            self.remember()

    def watch(self, interval: float, on_tick: Callable[[], None], ticks: float) -> None:
        """Ask each node again and again, each at its own pace, until the federation's document changes.

        interval
            Seconds from a node's answer to its next asking.
        on_tick
            Called every so many seconds.
        """

        async def again(name: str) -> None:
            while True:
                await self._ask(name)
                await asyncio.sleep(interval)

        async def tick() -> None:
            while self._document_stamp() == self._stamp:
                await asyncio.sleep(ticks)
                self.remember()
                self._applied()
                on_tick()

        async def both() -> None:
            asking = asyncio.ensure_future(self._each(again, room=len(self.rows)))
            try:
                await tick()
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

        try:
            asyncio.run(both())
        finally:
            self.remember()

    def remember(self) -> None:
        """Write down what was seen since the last time."""
        if self._unwritten and seen.note(self.folder, sightings=self._unwritten):
            self._unwritten = {}

    def _document_stamp(self) -> tuple[int, int]:
        try:
            found = self.folder.document.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    def _applied(self) -> None:
        """Take note of what an apply that runs beside us has done."""
        known = seen.read(self.folder)
        for name, row in self.rows.items():
            self.rows[name] = replace(row, apply=known.of(name).apply or row.apply)

    async def _each(self, ask: Callable[[str], Awaitable[None]], room: int = 0) -> None:
        limit = asyncio.Semaphore(room or self.federation.settings.jobs)

        async def one(name: str) -> None:
            async with limit:
                await ask(name)

        await asyncio.gather(*(one(name) for name, row in self.rows.items() if row.node.enabled))

    async def _ask(self, name: str) -> None:
        before, started = self.rows[name], time.monotonic()
        try:
            found = await ask(self.folder, self.federation, name, self.agent)
        except MipError as err:
            row = replace(before, kind=err.kind, asked=seen.now(), troubles=())
            row = replace(row, error=err.message, hint=err.hint, command=err.command)
        else:
            self._unwritten[name] = found
            bad = troubles(self.federation, name, found)
            row = replace(before, kind=str(Kind.OK), asked=found.at, sighting=found, troubles=bad)
            row = replace(row, error="", hint="", command="")
        self.rows[name] = replace(row, seconds=time.monotonic() - started, apply=self.rows[name].apply)
        self.on_change()


async def ask(folder: Folder, federation: Federation, name: str, agent: Path | None) -> Sighting:
    """Ask one node who and how it is; return what it says.

    Raises as openssh.look does, and TrustRefused if it is not the confirmed machine.
    """
    look = await openssh.look(folder, federation, name, SECONDS, paths=measured_paths(federation), agent=agent)
    openssh.same_machine(name, federation.nodes[name], look.facts, federation=federation.federation)
    return sighting_of(look)


def sighting_of(look: Look) -> Sighting:
    """Return what was seen, with the time."""
    facts, health = look.facts, look.health
    return Sighting(
        at=seen.now(),
        hostname=facts.hostname,
        os=facts.os,
        arch=facts.arch,
        cpus=facts.cpus,
        memory=facts.memory,
        python=facts.python,
        sudo=facts.sudo,
        kernel=health.kernel,
        uptime=health.uptime,
        engine=health.engine,
        engine_version=health.engine_version,
        synced=health.synced,
        skew=None if look.skew is None else round(look.skew, 3),
        disks=dict(health.disks),
    )

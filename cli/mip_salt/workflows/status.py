"""How every node is: asked now if it answers, else what was last seen of it, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mip_salt.errors import MipError
from mip_salt.federation import seen
from mip_salt.federation.folder import Folder
from mip_salt.federation.node_ids import order_of
from mip_salt.federation.seen import LastApply, Sighting
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.ssh.openssh import Look, Looks, same_machine
from mip_salt.workflows.findings import Finding, Level, measured_paths, troubles

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation, Node

SECONDS = 20.0
# The worst first; what is well but for a trouble comes between.
SERIOUSNESS = ("refused", "login", "damaged", "failed", "unreachable", "ok", "asking", "disabled")


class NodeStatus(NamedTuple):
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
    troubles: Sequence[Finding] = ()

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
        self._begun: dict[str, float] = {}
        self._stamp = self._document_stamp()

    def _row(self, name: str, seen_before: seen.Seen, before: NodeStatus | None) -> NodeStatus:
        node, known = self.federation.nodes[name], seen_before.of(name)
        kind = "asking" if node.enabled else "disabled"
        if before and before.asked and node.enabled:
            return before._replace(node=node)
        return NodeStatus(name, node, kind, sighting=known.sighting, apply=known.apply)

    def sorted(self) -> list[NodeStatus]:
        """Return the nodes, the worst first."""
        return sorted(self.rows.values(), key=lambda row: row.severity)

    def results(self) -> list[NodeResult]:
        """Return one result for each node that was asked."""
        return [row.result() for row in self.rows.values() if row.asked]

    def once(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Ask all enabled nodes side by side; one that hangs costs its own deadline only.

        meanwhile
            Called when the first of them have been asked.
        """
        due = dict.fromkeys(self._enabled(), 0.0)
        with self._looks() as looks:
            self._turn(looks, due, self.federation.settings.jobs, 0)
            meanwhile()
            while due or len(looks):
                self._turn(looks, due, self.federation.settings.jobs, SECONDS)
        self.remember()

    def watch(self, interval: float, on_tick: Callable[[], None], ticks: float) -> None:
        """Ask each node again and again, each at its own pace, until the federation's document changes.

        interval
            Seconds from a node's answer to its next asking.
        on_tick
            Called every so many seconds.
        """
        due, tick = dict.fromkeys(self._enabled(), 0.0), time.monotonic() + ticks
        try:
            with self._looks() as looks:
                while self._document_stamp() == self._stamp:
                    soonest = max(0.0, min([tick, *due.values()]) - time.monotonic())
                    for name in self._turn(looks, due, len(self.rows), soonest):
                        due[name] = time.monotonic() + interval
                    if time.monotonic() >= tick:
                        tick = time.monotonic() + ticks
                        self.remember()
                        self._applied()
                        on_tick()
        finally:
            self.remember()

    def _enabled(self) -> list[str]:
        return [name for name, row in self.rows.items() if row.node.enabled]

    def _looks(self) -> Looks:
        paths = measured_paths(self.federation)
        return Looks(self.folder, self.federation, paths=paths, timeout=SECONDS, agent=self.agent)

    def _turn(self, looks: Looks, due: dict[str, float], room: int, patience: float) -> list[str]:
        """Begin with the nodes that are due, as far as there is room; return those that have answered."""
        now = time.monotonic()
        for name in [name for name, when in due.items() if when <= now][: room - len(looks)]:
            del due[name]
            self._begun[name] = now
            looks.begin(name)
        answered = []
        for name, found in looks.wait(patience):
            self._take(name, found)
            answered.append(name)
        return answered

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
            self.rows[name] = row._replace(apply=known.of(name).apply or row.apply)

    def _take(self, name: str, found: Look | MipError) -> None:
        before = self.rows[name]
        try:
            sighting = confirmed(self.federation, name, found)
        except MipError as err:
            row = before._replace(kind=err.kind, asked=seen.now(), troubles=())
            row = row._replace(error=err.message, hint=err.hint, command=err.command)
        else:
            self._unwritten[name] = sighting
            bad = troubles(self.federation, name, sighting)
            row = before._replace(kind=str(Kind.OK), asked=sighting.at, sighting=sighting, troubles=bad)
            row = row._replace(error="", hint="", command="")
        self.rows[name] = row._replace(seconds=time.monotonic() - self._begun[name])
        self.on_change()


def ask(folder: Folder, federation: Federation, name: str, agent: Path | None) -> Sighting:
    """Ask one node who and how it is, by a login of its own; return what it says.

    Raises what Looks tells, and TrustRefused if it is not the confirmed machine.
    """
    with Looks(folder, federation, paths=measured_paths(federation), timeout=SECONDS, agent=agent) as looks:
        looks.begin(name, fresh=True)
        while True:
            for _, found in looks.wait(SECONDS):
                return confirmed(federation, name, found)


def confirmed(federation: Federation, name: str, found: Look | MipError) -> Sighting:
    """Return what was seen of a node; raise why it could not be, or TrustRefused if it is not the confirmed machine."""
    if isinstance(found, MipError):
        raise found
    same_machine(name, federation.nodes[name], found.facts, federation=federation.federation)
    return sighting_of(found)


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

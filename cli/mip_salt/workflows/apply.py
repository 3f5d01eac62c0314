"""Bring nodes to what the federation says: the highstate on all of them side by side, then what must come in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mip_salt.errors import UsageError
from mip_salt.federation.folder import Folder
from mip_salt.remote.results import Kind, NodeResult, Progress
from mip_salt.remote.run import Session, collect
from mip_salt.workflows.joining import (
    CHECK,
    MASTER,
    PATIENCE,
    Phase,
    kept_out,
    key_from,
    may_go_on,
    merged,
    phases,
    without,
)

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

# How a node's work ends that was done, well or not.
WORKED = (Kind.OK, Kind.CHANGED, Kind.FAILED)


@dataclass(frozen=True)
class Event:
    """Something that happened on the way.

    what
        ``skipped`` (disabled), ``started``, ``progress`` (then with how far it is), ``done`` (then with its result),
        ``phase`` (one begins), or ``tick``; the last two are no node's.
    """

    what: str
    node: str = ""
    result: NodeResult | None = None
    progress: Progress | None = None
    phase: Phase | None = None


@dataclass(frozen=True)
class Applied:
    """What came of it.

    results
        One for each enabled node.
    to_come
        What would follow on a trial; what was not come to, if something failed or was interrupted before.
    """

    results: list[NodeResult]
    to_come: list[Phase]


def apply(
    folder: Folder,
    federation: Federation,
    nodes: Sequence[str],
    *,
    test: bool = False,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Applied:
    """Run the highstate on nodes; if a worker must join the swarm, then the phases that this takes.

    test
        Say what would change, and change nothing.

    The federation is held, its generated files are fresh, and its vault is open.

    Raises UsageError if no node is left to work on, and what ``run`` raises before any node is asked.
    """
    if not nodes:
        raise UsageError(
            f"federation {folder.name} has no nodes yet", hint=f"Add them: mip-salt -f {folder.name} configure"
        )
    enabled = [name for name in nodes if federation.nodes[name].enabled]
    for name in nodes:
        if name not in enabled:
            on_event(Event("skipped", name))
    if not enabled:
        raise UsageError(
            "all nodes chosen are disabled",
            hint=f"Let them in again: mip-salt -f {folder.name} node enable {' '.join(nodes)}",
        )
    with Session(folder, federation, jobs=federation.settings.jobs) as session:
        return Work(session, test=test, on_event=on_event).all(enabled)


class Work:
    """States that are run on nodes of a federation, under way; all of them over the connections of one session.

    pillar
        What they find in their pillar besides.
    again
        The command that does it again; none if raw salt-ssh does the same, and it is an apply: then it is remembered.
    """

    def __init__(
        self,
        session: Session,
        *,
        test: bool,
        on_event: Callable[[Event], None],
        pillar: dict[str, Any] | None = None,
        again: str = "",
    ) -> None:
        self.session, self.test, self.on_event = session, test, on_event
        self.folder, self.federation = session.folder, session.federation
        self.pillar, self.again = pillar or {}, again
        self.found: dict[str, NodeResult] = {}
        self._awaited: set[str] = set()

    def all(self, nodes: Sequence[str], sls: Sequence[str] = (), stacks: Sequence[str] = ()) -> Applied:
        """Do the highstate, or some files of states, on all nodes side by side, and what must follow it.

        stacks
            Ids of the nodes whose stacks it is about; none for all.
        """
        held: list[NodeResult] = []

        def first(result: NodeResult) -> None:
            # What fails only because a worker has not joined yet is not told before that is tried.
            if result.kind is Kind.FAILED and not self.test:
                held.append(result)
            else:
                self._tell(result)

        self._states(nodes, sls, first, {"patience": PATIENCE} if MASTER in nodes else {})
        to_come = phases(self.federation, [self.found[name] for name in nodes], stacks)
        if to_come and not self.test and not self._interrupted():
            to_come = self._follow(to_come)
        for result in held:
            if self.found[result.id] is result:
                self._tell(result)
        return Applied([self.found[name] for name in nodes], to_come)

    def in_order(self, todo: Sequence[Phase], *, regardless: bool) -> Applied:
        """Do phases, one after the other.

        regardless
            Whether one is come to although nodes of those before it could not be reached.
        """
        left = list(todo)
        while left and not self._interrupted():
            if not regardless and any(result.kind not in WORKED for result in self.found.values()):
                break
            phase = left.pop(0)
            self._awaited = {name for later in left for name in later.nodes}
            self.on_event(Event("phase", phase=phase))
            self._states(phase.nodes, (phase.sls,), self._tell)
        return Applied([self.found[name] for name in self.federation.ids() if name in self.found], left)

    def _follow(self, todo: Sequence[Phase]) -> list[Phase]:
        """Do phases, one after the other; return those that were not come to."""
        if not any(phase.keyed for phase in todo):
            return self.in_order(todo, regardless=True).to_come
        able = self._able_to_join(todo)
        if not able:
            return list(todo)
        todo = able
        asked = self._ask_master("mip_swarm.token")
        key = key_from(asked.data) if asked.kind is Kind.OK else None
        if key is None:
            self._master_failed(
                asked, "it does not tell how workers join", "Look at its swarm, on the master: docker info"
            )
            return list(todo)
        left = list(todo)
        try:
            while left and not self._interrupted():
                phase = left.pop(0)
                self._awaited = {MASTER, *(name for later in left for name in later.nodes)}
                self.on_event(Event("phase", phase=phase))
                self._states(phase.nodes, (phase.sls,), self._tell, {"join": key} if phase.keyed else {})
                if phase.keyed and not any(self.found[name].kind in (Kind.OK, Kind.CHANGED) for name in phase.nodes):
                    break  # nothing is there that was not there before
        finally:
            # Whoever was given the key could hand it on.
            spent = self._ask_master("mip_swarm.rotate")
            if spent.data is not True:
                self._master_failed(
                    spent,
                    "the key by which workers join is still good",
                    "Make another, on the master: docker swarm join-token --rotate worker",
                )
        return left

    def _able_to_join(self, todo: Sequence[Phase]) -> list[Phase]:
        """Return the phases without the workers that a firewall, or what they lack, keeps from joining."""
        joining = next(phase.nodes for phase in todo if phase.keyed)
        self.on_event(Event("phase", phase=replace(CHECK, nodes=joining)))
        from mip_salt.workflows.preflight.report import obstacles  # only a worker that must join needs it

        kept = obstacles(self.folder, self.federation, joining)
        for name, err in kept.items():
            self.found[name] = kept_out(self.found[name], err)
            self._tell(self.found[name])
        return without(todo, kept)

    def _states(
        self,
        nodes: Sequence[str],
        args: Sequence[str],
        tell: Callable[[NodeResult], None],
        more: dict[str, Any] | None = None,
    ) -> None:
        """Run states on nodes side by side, and keep what came of each, with what came of it before."""
        before = dict(self.found)

        def arrived(result: NodeResult) -> None:
            if self.again and result.command:
                result = replace(result, command=self.again)
            old = before.get(result.id)
            self.found[result.id] = merged(old, result) if old else result
            tell(self.found[result.id])

        on_event = self.on_event
        results = self.session.run(
            nodes,
            "state.apply",
            args,
            {"test": True} if self.test else None,
            deadline=self.federation.settings.deadline,
            last=lambda result: self.test or not (result.id in self._awaited or may_go_on(result)),
            pillar={"mip": given} if (given := {**self.pillar, **(more or {})}) else None,
            on_start=lambda name: on_event(Event("started", name)),
            on_tick=lambda: on_event(Event("tick")),
            on_progress=lambda at: on_event(Event("progress", at.node, progress=at)),
        )
        for result in collect(results, nodes, arrived):
            if result.kind is Kind.INTERRUPTED:
                self.found[result.id] = result
                self._remember(result)

    def _tell(self, result: NodeResult) -> None:
        self._remember(result)
        self.on_event(Event("done", result.id, result))

    def _remember(self, result: NodeResult) -> None:
        if not self.test and not self.again:
            remember(self.folder, result)

    def _ask_master(self, function: str) -> NodeResult:
        asked = self.session.run([MASTER], function, deadline=min(self.federation.settings.deadline, 60))
        return collect(asked, [MASTER], lambda _: None)[0]

    def _master_failed(self, asked: NodeResult, why: str, hint: str) -> None:
        kind = asked.kind if asked.kind not in (Kind.OK, Kind.CHANGED) else Kind.FAILED
        error = f"{why}{f': {asked.error}' if asked.error else ''}"
        old = self.found[MASTER]
        self.found[MASTER] = replace(old, kind=kind, error=error, hint=hint, command=asked.command)
        self._tell(self.found[MASTER])

    def _interrupted(self) -> bool:
        return any(result.kind is Kind.INTERRUPTED for result in self.found.values())


def remember(folder: Folder, result: NodeResult) -> None:
    """Keep what came of a node's apply, for `status` to tell."""
    from mip_salt.federation.seen import LastApply, note, now

    last = LastApply(
        at=now(), kind=str(result.kind), changed=result.changed, failed=result.failed, seconds=round(result.seconds, 2)
    )
    note(folder, applies={result.id: last})

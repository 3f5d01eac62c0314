"""The one door to Salt on the nodes: ask several of them, side by side, and get one typed result a node."""

from __future__ import annotations

import gc
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mip_salt.errors import LoginRefused, MipError, UsageError
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.arguments import reproducing, words
from mip_salt.remote.asking import Question, ask
from mip_salt.remote.compile import RUNS, refuse_foreign
from mip_salt.remote.connection import Link
from mip_salt.remote.endings import GOES_ON, in_hand, interrupted, progress, read, who
from mip_salt.remote.greeting import learnt, remembered
from mip_salt.remote.master import cache, empty, load
from mip_salt.remote.results import Kind, NodeResult, Progress
from mip_salt.remote.returns import Asked, from_error
from mip_salt.remote.thin import thin
from mip_salt.remote.worker import Silent, Worker
from mip_salt.vault.keyring import Vault

TICK = 0.25
SETTLE_SECONDS = 2.0
HURRY_SECONDS = 4.0  # the operator who pressed Ctrl-C waits for this


def _nothing(*_: object) -> None:
    return None


def run(
    folder: Folder,
    federation: Federation,
    nodes: Sequence[str],
    function: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    deadline: float,
    jobs: int,
    pillar: Mapping[str, Any] | None = None,
    on_start: Callable[[str], None] = _nothing,
    on_tick: Callable[[], None] = _nothing,
    on_progress: Callable[[Progress], None] = _nothing,
) -> Iterator[NodeResult]:
    """Run one function of Salt on nodes and yield each one's result as it arrives; every node gets one.

    function
        A function of an execution module, such as ``state.apply``.
    args, kwargs
        Its arguments, never secrets: the command that reproduces a failure shows them.
    deadline
        Seconds that each node may take; then its worker is ended with all it started, here.
    jobs
        Nodes worked on at once.
    pillar
        What states find in their pillar besides, in this run alone. It may be secret: it is in no command that is
        shown, and is written nowhere.
    on_start, on_tick
        Called with a node's id when its turn comes, and a few times a second while waiting.
    on_progress
        Called as each state of a state run begins; nothing more is told when the last has ended.

    The federation is held and its vault open. Ctrl-C ends all workers; the nodes not done are then ``interrupted``.

    Raises UsageError for a node that is unknown or disabled, LoginRefused while the vault is locked, Damaged if Salt
    cannot be set up; nothing was sent to any node then.
    """
    for name in nodes:
        if name not in federation.nodes or not federation.nodes[name].enabled:
            raise UsageError(
                f"{name} is not an enabled node of {folder.name}",
                hint=f"mip-salt -f {folder.name} node list shows them; node enable {name} lets it take part.",
            )
    refuse_foreign(function)
    if nodes:
        hear = _Hear(on_start, on_tick, on_progress)
        yield from _Run(folder, federation, function, args, kwargs or {}, deadline, pillar or {}, hear).all(nodes, jobs)


def collect(
    results: Iterator[NodeResult], nodes: Sequence[str], on_result: Callable[[NodeResult], None]
) -> list[NodeResult]:
    """Return all results of a run in the order of the nodes; a Ctrl-C at any moment leaves each node with one.

    on_result
        Called with each as it arrives.
    """
    found: dict[str, NodeResult] = {}
    with closing(results):  # type: ignore[type-var]
        try:
            for result in results:
                found[result.id] = result
                on_result(result)
        except KeyboardInterrupt:
            pass
    return [found.get(name) or interrupted(name) for name in nodes]


@dataclass(frozen=True)
class _Hear:
    """Who wants to hear of a run."""

    start: Callable[[str], None]
    tick: Callable[[], None]
    progress: Callable[[Progress], None]


@dataclass
class _Turn:
    """A node whose turn it is: its ssh, and once Salt is there its worker."""

    link: Link
    worker: Worker
    at: Progress | None = None


class _Run:
    """One run under way."""

    def __init__(
        self,
        folder: Folder,
        federation: Federation,
        function: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        deadline: float,
        pillar: Mapping[str, Any],
        hear: _Hear,
    ) -> None:
        self.folder, self.federation, self.function = folder, federation, function
        self.args, self.kwargs, self.deadline, self.hear = args, kwargs, deadline, hear
        self.pillar = pillar
        self.shown = words(args, kwargs)
        self.turns: dict[str, _Turn] = {}
        self.links: dict[str, Link] = {}

    def all(self, nodes: Sequence[str], jobs: int) -> Iterator[NodeResult]:
        """Yield every node's result."""
        waiting = list(dict.fromkeys(nodes))
        empty(self.folder)
        try:
            self._set_up(waiting[: max(1, jobs)])
            while waiting or self.turns:
                while waiting and len(self.turns) < max(1, jobs):
                    self.hear.start(waiting[0])
                    self._begin(waiting.pop(0))
                yield from self._arrived()
                self.hear.tick()
        except KeyboardInterrupt:
            yield from self._stop(waiting)
        finally:
            for turn in self.turns.values():
                turn.worker.end()
            for link in [*self.links.values(), *(turn.link for turn in self.turns.values())]:
                link.end()
            empty(self.folder)
            gc.unfreeze()

    def _set_up(self, first: Sequence[str]) -> None:
        """Connect to the first nodes, and have Salt here meanwhile: both take a third of a second."""
        with socket.socket(socket.AF_UNIX) as agent:
            try:
                agent.connect(str(self.folder.agent_socket))
            except OSError:
                raise LoginRefused(
                    "the vault is locked", hint=f"Open it: mip-salt -f {self.folder.name} vault unlock"
                ) from None
        packed = thin(cache(self.folder) / "mip-salt")
        known = remembered(self.folder, packed.digest)
        if known:
            self.greeting = known
            for name in first:
                self.links[name] = self._connect(name)
        options, client = load(self.folder)
        self.greeting = known or learnt(self.folder, packed.digest, client)
        gc.freeze()  # a worker that looked through what is here already would have to copy it all
        self.question = Question(
            self.folder,
            self.federation,
            options,
            client,
            packed,
            self.function,
            self.args,
            self.kwargs,
            self._first,
            self.pillar,
        )

    def _first(self, name: str) -> bytes:
        return self.greeting.to(name, who(self.folder), lock=self.function in RUNS)

    def _connect(self, name: str) -> Link:
        link = Link.start(self.folder, self.federation, name)
        link.greet(self._first(name))
        return link

    def _begin(self, name: str) -> None:
        link = self.links.pop(name, None) or self._connect(name)
        worker = Worker(
            partial(ask, self.question, name, link),
            deadline=self.deadline,
            tmp=self.folder.tmp,
            log=self.folder.log / "salt-ssh.log",
            keep=(link.stdin, link.stdout, link.stderr),
        )
        link.let_go()
        self.turns[name] = _Turn(link, worker)

    def _arrived(self) -> Iterator[NodeResult]:
        """Wait a moment; tell what is new, and yield the nodes that are done with."""
        with selectors.DefaultSelector() as selector:
            for name, turn in self.turns.items():
                selector.register(turn.worker, selectors.EVENT_READ, name)
            ready = [key.data for key, _ in selector.select(TICK) if self.turns[key.data].worker.wait(0)]
        for name, turn in self.turns.items():
            for news in turn.worker.news:
                turn.at = progress(name, news)
                self.hear.progress(turn.at)
            turn.worker.news.clear()
        for name in [*ready, *(n for n, turn in self.turns.items() if turn.worker.overdue and n not in ready)]:
            yield self._settle(name, late=name not in ready)

    def _settle(self, name: str, *, late: bool = False) -> NodeResult:
        """Return a node's result, and be done with it."""
        turn = self.turns.pop(name)
        asked = self._asked(name)
        try:
            answer = turn.worker.answer()
        except Silent as err:
            answer = {"silent": str(err)}
        seconds = turn.worker.seconds
        turn.worker.end()
        status = turn.link.end(0.0 if late else SETTLE_SECONDS)
        if late:
            why = f"no end of its work in {self.deadline:g} s; gave up{in_hand(turn.at)}"
            result = NodeResult(name, Kind.UNREACHABLE, error=why, hint=GOES_ON, command=asked.command)
        else:
            result = self._precise(asked, read(asked, answer, status))
            if isinstance(answer, dict) and "lost" in answer:
                result = replace(result, error=result.error + in_hand(turn.at))
        return replace(result, seconds=seconds)

    def _stop(self, waiting: Sequence[str]) -> Iterator[NodeResult]:
        """Ask the nodes at work to stop; yield what they say within a moment, and what else became of each."""
        for name in waiting:
            yield replace(interrupted(name), command=self._asked(name).command)
        for turn in self.turns.values():
            turn.worker.stop()
        until = time.monotonic() + HURRY_SECONDS
        while self.turns and time.monotonic() < until:
            for name in [name for name, turn in self.turns.items() if turn.worker.wait(TICK / len(self.turns))]:
                turn = self.turns[name]
                result = self._settle(name)
                if result.kind not in (Kind.OK, Kind.CHANGED, Kind.INTERRUPTED):
                    result = replace(interrupted(name, turn.at), seconds=result.seconds, command=result.command)
                yield result
        for name in list(self.turns):
            at = self.turns[name].at
            result = self._settle(name, late=True)
            yield replace(interrupted(name, at), seconds=result.seconds, command=result.command)

    def _asked(self, name: str) -> Asked:
        command = reproducing(self.folder.path, name, self.function, self.shown)
        return Asked(self.folder, self.federation, name, self.function, command)

    def _precise(self, asked: Asked, result: NodeResult) -> NodeResult:
        """Ask the vault itself whether its entry is why: Salt keeps the reason for its log, and takes an empty file."""
        if result.kind in (Kind.DAMAGED, Kind.FAILED) and asked.function.startswith(("state.", "pillar.")):
            try:
                Vault(self.folder).read(asked.node)
            except MipError as err:
                return replace(from_error(asked, err), data=result.data, changed=result.changed, failed=result.failed)
        return result

"""The one door to Salt on the nodes: ask several of them, side by side, and get one typed result a node."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mip_salt.errors import Damaged, LoginRefused, MipError, UsageError
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.arguments import reproducing, words
from mip_salt.remote.results import Kind, NodeResult, Progress
from mip_salt.remote.returns import Asked, classify, from_error, unusable
from mip_salt.remote.salt_ssh import ask, load, prepare, thin_dir
from mip_salt.remote.states import STATE_RUNS
from mip_salt.remote.traces import empty, wipe_node
from mip_salt.remote.worker import Silent, Worker
from mip_salt.vault.keyring import Vault

TICK = 0.25
PREPARE_SECONDS = 120.0  # packing the thin takes 4 s on two slow cores
WIPE_SECONDS = 10.0
HURRY_SECONDS = 4.0  # the operator who pressed Ctrl-C waits for this
NOTHING_SENT = (Kind.REFUSED, Kind.LOGIN, Kind.DAMAGED, Kind.UNREACHABLE)
GOES_ON = "A command that already ran on the node may have gone on there; run it again to see."
LEFT = "The run's pillar may still lie on the node, in /var/tmp/.*_salt/salt_state.tgz; the next run removes it."


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
    on_start: Callable[[str], None] = _nothing,
    on_tick: Callable[[], None] = _nothing,
    on_progress: Callable[[Progress], None] = _nothing,
) -> Iterator[NodeResult]:
    """Run one function of Salt on nodes and yield each one's result as it arrives; every node gets one.

    function
        A function of an execution module, such as ``state.apply``.
    args, kwargs
        Its arguments, never secrets: a node shows them in its list of processes and in sudo's log.
    deadline
        Seconds that each node may take; then its worker is ended with all it started, here.
    jobs
        Nodes worked on at once.
    on_start, on_tick
        Called with a node's id when its turn comes, and a few times a second while waiting.
    on_progress
        Called as each state of a state run begins, and when the last has ended.

    The federation is held and its vault open. Ctrl-C ends all workers; the nodes not done are then ``interrupted``.

    Raises UsageError for a node that is unknown or disabled, LoginRefused while the vault is locked, Damaged if Salt
    cannot be set up; nothing was sent to any node then.
    """
    for name in nodes:
        if name not in federation.nodes or not federation.nodes[name].enabled:
            raise UsageError(f"{name} is not an enabled node of {folder.name}")
    if nodes:
        yield from _Run(folder, federation, function, words(args, kwargs), deadline, on_start, on_tick).all(nodes, jobs)


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


def interrupted(name: str) -> NodeResult:
    """Return the result of a node whose work the operator stopped."""
    return NodeResult(name, Kind.INTERRUPTED, error="stopped by the operator", hint=GOES_ON)


@dataclass
class _Turn:
    """A node whose turn it is: it is asked, or, with its result settled, what it was sent is being removed."""

    worker: Worker
    result: NodeResult | None = None


class _Run:
    """One run under way."""

    def __init__(
        self,
        folder: Folder,
        federation: Federation,
        function: str,
        arguments: list[str],
        deadline: float,
        on_start: Callable[[str], None],
        on_tick: Callable[[], None],
    ) -> None:
        self.folder, self.federation, self.function, self.arguments = folder, federation, function, arguments
        self.deadline, self.on_start, self.on_tick = deadline, on_start, on_tick
        self.options: dict[str, Any] = {}
        self.turns: dict[str, _Turn] = {}

    def all(self, nodes: Sequence[str], jobs: int) -> Iterator[NodeResult]:
        """Yield every node's result."""
        waiting = list(dict.fromkeys(nodes))
        empty(self.folder)
        try:
            self._set_up(waiting)
            while waiting or self.turns:
                while waiting and len(self.turns) < max(1, jobs):
                    self.on_start(waiting[0])
                    name = waiting.pop(0)
                    self.turns[name] = _Turn(self._worker(partial(self._work, name), self.deadline))
                yield from self._arrived()
                self.on_tick()
        except KeyboardInterrupt:
            for name in list(self.turns):
                stopped = self._stop(name, interrupted(name), HURRY_SECONDS)
                if stopped:
                    yield self._complete(stopped)
            for name in waiting:
                yield self._complete(interrupted(name))
            while self.turns:
                yield from self._arrived()
        finally:
            for turn in self.turns.values():
                turn.worker.end()
            empty(self.folder)

    def _set_up(self, nodes: Sequence[str]) -> None:
        with socket.socket(socket.AF_UNIX) as agent:
            try:
                agent.connect(str(self.folder.agent_socket))
            except OSError:
                raise LoginRefused(
                    "the vault is locked", hint=f"Open it: mip-salt -f {self.folder.name} vault unlock"
                ) from None
        self.options = load(self.folder)
        worker = self._worker(partial(prepare, self.options, nodes), PREPARE_SECONDS)
        try:
            while not worker.overdue and not worker.wait(TICK):
                self.on_tick()
            given = worker.answer()
        except Silent as err:
            raise Damaged(f"Salt cannot be set up: {err}", hint=f"See {self._log}") from None
        finally:
            worker.end()
        missing = ", ".join(name for name in nodes if name not in given)
        if missing:
            raise Damaged(f"Salt cannot be set up: the roster does not give {missing}", hint=f"See {self._log}")

    @property
    def _log(self) -> Path:
        return self.folder.log / "salt-ssh.log"

    def _worker(self, job: Callable[[], Any], deadline: float) -> Worker:
        return Worker(job, deadline=deadline, tmp=self.folder.tmp, log=self._log)

    def _work(self, name: str) -> dict[str, Any]:
        """Ask the node and remove what it was sent; in the worker."""
        returns = ask(self.options, name, self.function, self.arguments)
        wiped = True
        if self.function in STATE_RUNS and returns and classify(self._asked(name), returns[0]).kind not in NOTHING_SENT:
            wiped = self._wipe(name, WIPE_SECONDS)
        return {"returns": returns, "wiped": wiped}

    def _wipe(self, name: str, timeout: float) -> bool:
        thin = thin_dir(self.federation.nodes[name].user)
        return wipe_node(self.folder, self.federation, name, thin, timeout=timeout)

    def _asked(self, name: str) -> Asked:
        command = reproducing(self.folder.path, name, self.function, self.arguments)
        return Asked(self.folder, self.federation, name, self.function, command)

    def _arrived(self) -> Iterator[NodeResult]:
        """Wait a moment; yield the nodes that are done with."""
        with selectors.DefaultSelector() as selector:
            for name, turn in self.turns.items():
                selector.register(turn.worker, selectors.EVENT_READ, name)
            ready = [key.data for key, _ in selector.select(TICK) if self.turns[key.data].worker.wait(0)]
        for name in [*ready, *(n for n, turn in self.turns.items() if turn.worker.overdue and n not in ready)]:
            result = self._settle(name, self.turns[name], late=name not in ready)
            if result:
                yield self._complete(result)

    def _settle(self, name: str, turn: _Turn, *, late: bool) -> NodeResult | None:
        """Return a node's result, or None if there is something to remove from it first."""
        try:
            answer = turn.worker.answer()
        except Silent as err:
            answer = {"silent": str(err)}
        if turn.result:
            turn.worker.end()
            del self.turns[name]
            return turn.result if answer is True else replace(turn.result, hint=f"{turn.result.hint}\n{LEFT}".strip())
        asked = self._asked(name)
        if late:
            why = f"no end of its work in {self.deadline:g} s; gave up"
            result = NodeResult(name, Kind.UNREACHABLE, error=why, hint=GOES_ON)
        elif answer.get("returns"):
            result = self._precise(asked, classify(asked, answer["returns"][0]))
        else:
            result = unusable(asked, answer.get("silent") or "Salt gave none")
        result = replace(result, seconds=turn.worker.seconds)
        if answer.get("wiped"):
            turn.worker.end()
            del self.turns[name]
            return result
        return self._stop(name, result, WIPE_SECONDS)

    def _precise(self, asked: Asked, result: NodeResult) -> NodeResult:
        """Ask the vault itself whether its entry is why: Salt keeps the reason for its log, and takes an empty file."""
        if result.kind in (Kind.DAMAGED, Kind.FAILED) and asked.function.startswith(("state.", "pillar.")):
            try:
                Vault(self.folder).read(asked.node)
            except MipError as err:
                return replace(from_error(asked, err), data=result.data, changed=result.changed, failed=result.failed)
        return result

    def _stop(self, name: str, result: NodeResult, seconds: float) -> NodeResult | None:
        """End a node's worker with a result, and begin to remove what the node was sent."""
        turn = self.turns[name]
        turn.worker.end()
        if turn.result or self.function not in STATE_RUNS:
            del self.turns[name]
            return turn.result or result
        settled = replace(result, seconds=result.seconds or turn.worker.seconds)
        self.turns[name] = _Turn(self._worker(partial(self._wipe, name, seconds), seconds + 2), settled)
        return None

    def _complete(self, result: NodeResult) -> NodeResult:
        return replace(result, command=self._asked(result.id).command)

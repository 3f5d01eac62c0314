"""The conversations with all nodes of a run, in one process and one loop: nobody waits for anybody else's node."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder
from mip_salt.remote.arguments import reproducing, words
from mip_salt.remote.asking import Answer, Heard, Node, Question, ask
from mip_salt.remote.compilers import Compilers, Task
from mip_salt.remote.connection import LINGER_SECONDS, Connection, Lost
from mip_salt.remote.endings import GOES_ON, in_hand, interrupted, progress, read
from mip_salt.remote.frames import TooMuch
from mip_salt.remote.results import Kind, NodeResult, Progress
from mip_salt.remote.returns import Asked, from_error
from mip_salt.vault.keyring import Vault

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

TICK = 0.25
SETTLE_SECONDS = 2.0
HURRY_SECONDS = 4.0  # the operator who pressed Ctrl-C waits for this


@dataclass(frozen=True)
class Hear:
    """Who wants to hear of a run, and says when a node's connection has served."""

    start: Callable[[str], None]
    tick: Callable[[], None]
    progress: Callable[[Progress], None]
    last: Callable[[NodeResult], bool]


@dataclass
class _Turn:
    """A node whose turn it is.

    answer
        What came of the conversation, once it has ended.
    """

    node: Node
    steps: Generator[None, Heard, Answer]
    at: Progress | None = None
    answer: Answer | None = None
    started: float = field(default_factory=time.monotonic)

    def hear(self, heard: Heard | None = None, error: Exception | None = None) -> None:
        """Go on with the conversation."""
        if self.answer is None:
            try:
                if error:
                    self.steps.throw(error)
                else:
                    self.steps.send(heard)  # type: ignore[arg-type]
            except StopIteration as end:
                self.answer = end.value
            except KeyboardInterrupt:
                self.answer = {}  # this conversation does not go on
                raise

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class Conversations:
    """All connections of a session.

    jobs
        As of Session.
    """

    def __init__(self, folder: Folder, federation: Federation, *, jobs: int) -> None:
        self.folder, self.federation, self.jobs = folder, federation, jobs
        self._selector = selectors.DefaultSelector()
        self._compilers = Compilers(self._selector, tmp=folder.tmp, log=folder.log / "salt-ssh.log")
        self._turns: dict[str, _Turn] = {}
        self._open: dict[str, Connection] = {}
        self._closing: set[Connection] = set()

    def all(self, nodes: Sequence[str], question: Question, hear: Hear, *, deadline: float) -> Iterator[NodeResult]:
        """Ask all nodes; yield every node's result. As of Session.run."""
        self._question, self._hear, self._deadline = question, hear, deadline
        waiting, ticked = list(dict.fromkeys(nodes)), 0.0
        try:
            self._wait(0)  # a connection that was lost meanwhile says so now
            question.pusher.make_ready(lambda: self._connect_all(waiting[: self.jobs]), compiles=question.compiles)
            while waiting or self._turns:
                while waiting and len(self._turns) < self.jobs:
                    hear.start(waiting[0])
                    self._begin(waiting.pop(0))
                self._wait()
                yield from self._settled()
                if time.monotonic() - ticked >= TICK:
                    hear.tick()
                    ticked = time.monotonic()
        except KeyboardInterrupt:
            yield from self._stop(waiting)
        finally:
            for turn in self._turns.values():
                turn.steps.close()
                turn.node.connection.end()
            self._turns.clear()

    def end(self) -> None:
        """Let every runner end, which takes away what it had on its node; not for longer than a moment."""
        for connection in self._open.values():
            self._close(connection)
        self._open.clear()
        until = time.monotonic() + LINGER_SECONDS
        try:
            while self._closing and time.monotonic() < until:
                self._wait()
        finally:
            for connection in self._closing:
                connection.end()
            self._compilers.close()
            self._selector.close()

    def _connect_all(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._open:
                self._open[name] = self._connect(name)

    def _connect(self, name: str, *, password: bool = False) -> Connection:
        connection = Connection(self.folder, self.federation, name, self._selector, password=password)
        if not password:
            connection.send(self._question.first(name))
        return connection

    def _begin(self, name: str) -> None:
        connection = self._open.pop(name, None)
        if connection and connection.has_ended:
            connection.end()
            connection = None

        def again() -> Connection:
            node.connection.end()
            return self._connect(name, password=True)

        node = Node(
            name,
            connection or self._connect(name),
            again,
            self._compilers,
            lambda *heard: self._turns[name].hear(heard),
        )
        turn = _Turn(node, ask(self._question, node))
        self._turns[name] = turn
        turn.hear()

    def _wait(self, seconds: float = TICK) -> None:
        """Wait a moment, and let every conversation go on that can."""
        self._compilers.go_on()
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Task):
                key.data.pump()
            else:
                self._pump(key.data, key.fd)
        for connection in [*(turn.node.connection for turn in self._turns.values()), *self._closing]:
            self._pump(connection)

    def _pump(self, connection: Connection, fd: int = -1) -> None:
        turn = self._turns.get(connection.name)
        if turn and turn.node.connection is not connection:
            turn = None
        try:
            for heard in connection.pump(fd):
                if turn:
                    self._heard(turn, heard)
        except (Lost, TooMuch) as err:
            if turn:
                turn.hear(error=err)
            elif connection in self._closing:
                self._closing.discard(connection)
                connection.end(SETTLE_SECONDS)

    def _heard(self, turn: _Turn, heard: Heard) -> None:
        if heard[0] == "p":
            turn.at = progress(turn.node.name, heard[1])
            self._hear.progress(turn.at)
        else:
            turn.hear(heard)

    def _settled(self) -> Iterator[NodeResult]:
        for name, turn in list(self._turns.items()):
            if turn.answer is not None or turn.seconds > self._deadline:
                yield self._settle(name)

    def _settle(self, name: str) -> NodeResult:
        """Return a node's result, and be done with it; without an answer it was too late."""
        turn = self._turns.pop(name)
        turn.steps.close()
        asked, connection, answer = self._asked(name), turn.node.connection, turn.answer
        status = 0
        if answer is None or "flood" in answer:
            connection.end()
        elif "lost" in answer:
            status = connection.end(SETTLE_SECONDS if connection.has_ended else 0)
        if answer is None:
            why = f"no end of its work in {self._deadline:g} s; gave up{in_hand(turn.at)}"
            result = NodeResult(name, Kind.UNREACHABLE, error=why, hint=GOES_ON, command=asked.command)
        else:
            result = self._precise(asked, read(asked, answer, status))
            if "lost" in answer:
                result = replace(result, error=result.error + in_hand(turn.at))
        result = replace(result, seconds=turn.seconds)
        if answer is not None and "raw" in answer:
            self._keep(connection, result)
        elif answer is not None and not answer.keys() & {"flood", "lost"}:
            self._close(connection)
        return result

    def _keep(self, connection: Connection, result: NodeResult) -> None:
        """Keep a connection for what else may be asked, unless it has served."""
        if connection.is_closed or self._hear.last(result):
            self._close(connection)
        else:
            connection.outdated = connection.outdated or bool(result.changed)
            self._open[connection.name] = connection

    def _close(self, connection: Connection) -> None:
        connection.close()
        self._closing.add(connection)

    def _stop(self, waiting: Sequence[str]) -> Iterator[NodeResult]:
        """Ask the nodes at work to stop; yield what they say within a moment, and what else became of each."""
        for name in waiting:
            yield replace(interrupted(name), command=self._asked(name).command)
        for turn in self._turns.values():
            turn.node.connection.close()
        until = time.monotonic() + HURRY_SECONDS
        while self._turns:
            hurried = time.monotonic() >= until
            if not hurried:
                self._wait()
            for name, turn in list(self._turns.items()):
                if hurried or turn.answer is not None:
                    result = self._settle(name)
                    if result.kind not in (Kind.OK, Kind.CHANGED, Kind.INTERRUPTED):
                        stopped = interrupted(name, turn.at)
                        result = replace(stopped, seconds=result.seconds, command=result.command)
                    yield result

    def _asked(self, name: str) -> Asked:
        function, arguments = self._question.function, words(self._question.args, self._question.kwargs)
        command = reproducing(self.folder.path, name, function, arguments)
        return Asked(self.folder, self.federation, name, function, command)

    def _precise(self, asked: Asked, result: NodeResult) -> NodeResult:
        """Ask the vault itself whether its entry is why: Salt keeps the reason for its log, and takes an empty file."""
        if result.kind in (Kind.DAMAGED, Kind.FAILED) and asked.function.startswith(("state.", "pillar.")):
            try:
                Vault(self.folder).read(asked.node)
            except MipError as err:
                return replace(from_error(asked, err), data=result.data, changed=result.changed, failed=result.failed)
        return result

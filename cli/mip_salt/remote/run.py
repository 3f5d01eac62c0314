"""The one door to Salt on the nodes: ask several of them, side by side, and get one typed result a node."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mip_salt.errors import UsageError
from mip_salt.federation.folder import Folder
from mip_salt.remote.asking import Question
from mip_salt.remote.compile import refuse_foreign
from mip_salt.remote.conversations import Conversations, Hear
from mip_salt.remote.endings import interrupted
from mip_salt.remote.master import empty
from mip_salt.remote.pusher import Pusher
from mip_salt.remote.results import NodeResult, Progress

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation


def _nothing(*_: object) -> None:
    return None


class Session:
    """Connections to nodes that stay open, for a command that asks them more than one thing; used in a ``with``.

    jobs
        Nodes worked on at once.

    The federation is held and its vault open.
    """

    def __init__(self, folder: Folder, federation: Federation, *, jobs: int) -> None:
        self.folder, self.federation = folder, federation
        self._pusher = Pusher(folder)
        self._conversations = Conversations(folder, federation, jobs=max(1, jobs))

    def __enter__(self) -> Session:
        empty(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._conversations.end()
        finally:
            self._pusher.end()
            empty(self.folder)
            gc.unfreeze()

    def run(
        self,
        nodes: Sequence[str],
        function: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        deadline: float,
        pillar: Mapping[str, Any] | None = None,
        last: Callable[[NodeResult], bool] = lambda _: False,
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
            Seconds that each node may take; then what is done for it here is ended.
        pillar
            What states find in their pillar besides, in this run alone. It may be secret: it is in no command that is
            shown, and is written nowhere.
        last
            Given a node's result, says whether its connection may end with that; one asked again has another then.
        on_start, on_tick
            Called with a node's id when its turn comes, and a few times a second while waiting.
        on_progress
            Called as each state of a state run begins; nothing more is told when the last has ended.

        Ctrl-C stops every node between two states; the nodes not done are then ``interrupted``.

        Raises UsageError for a node that is unknown or disabled, LoginRefused while the vault is locked, Damaged if
        Salt cannot be set up; nothing was asked of any node then.
        """
        for name in nodes:
            if name not in self.federation.nodes or not self.federation.nodes[name].enabled:
                raise UsageError(
                    f"{name} is not an enabled node of {self.folder.name}",
                    hint=f"mip-salt -f {self.folder.name} node list shows them; node enable {name} lets it take part.",
                )
        refuse_foreign(function)
        if nodes:
            packed = Path(tempfile.mkdtemp(dir=self.folder.tmp))
            question = Question(
                self.folder, self.federation, self._pusher, function, args, kwargs or {}, pillar or {}, packed
            )
            hear = Hear(on_start, on_tick, on_progress, last)
            yield from self._conversations.all(nodes, question, hear, deadline=deadline)


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
    """Run one function of Salt on nodes, in a session of its own; all else is as ``Session`` and its ``run`` say."""
    with Session(folder, federation, jobs=jobs) as session:
        yield from session.run(
            nodes,
            function,
            args,
            kwargs,
            deadline=deadline,
            pillar=pillar,
            last=lambda _: True,
            on_start=on_start,
            on_tick=on_tick,
            on_progress=on_progress,
        )


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

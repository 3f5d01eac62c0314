"""Bring nodes to what the federation says: the highstate, on all of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mip_salt.errors import UsageError
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.seen import LastApply, note, now
from mip_salt.remote.results import Kind, NodeResult, Progress
from mip_salt.remote.run import collect, run


@dataclass(frozen=True)
class Event:
    """Something that happened on the way.

    what
        ``skipped`` (disabled), ``started``, ``progress`` (then with how far it is), ``done`` (then with its result),
        or ``tick``, which is no node's.
    """

    what: str
    node: str = ""
    result: NodeResult | None = None
    progress: Progress | None = None


def apply(
    folder: Folder,
    federation: Federation,
    nodes: Sequence[str],
    *,
    test: bool = False,
    on_event: Callable[[Event], None] = lambda _: None,
) -> list[NodeResult]:
    """Run the highstate on nodes; return one result for each enabled one, in their order.

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
        raise UsageError("all nodes chosen are disabled", hint="Set enabled: true on them in pillar/federation.sls.")
    results = run(
        folder,
        federation,
        enabled,
        "state.apply",
        kwargs={"test": True} if test else None,
        deadline=federation.settings.deadline,
        jobs=federation.settings.jobs,
        on_start=lambda name: on_event(Event("started", name)),
        on_tick=lambda: on_event(Event("tick")),
        on_progress=lambda at: on_event(Event("progress", at.node, progress=at)),
    )

    def done(result: NodeResult) -> None:
        if not test:
            remember(folder, result)
        on_event(Event("done", result.id, result))

    found = collect(results, enabled, done)
    for result in found:
        if result.kind is Kind.INTERRUPTED and not test:
            remember(folder, result)
    return found


def remember(folder: Folder, result: NodeResult) -> None:
    """Keep what came of a node's apply, for `status` to tell."""
    last = LastApply(
        at=now(), kind=str(result.kind), changed=result.changed, failed=result.failed, seconds=round(result.seconds, 2)
    )
    note(folder, applies={result.id: last})

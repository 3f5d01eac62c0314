"""Configure a federation: open or begin its vault, then make, change or forget nodes as the questions are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from mip_salt.errors import MipError
from mip_salt.federation.document import load
from mip_salt.federation.journal import note
from mip_salt.questions.wish import Next, Removal, Wish
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.workflows.enrol import enrol_node
from mip_salt.workflows.record import drop_strays
from mip_salt.workflows.remove import remove_node
from mip_salt.workflows.seat import Seat


class Stopped(Exception):
    """The operator stops here; what was confirmed is kept."""


@dataclass(frozen=True)
class Done:
    """One node is finished, well or not."""

    result: NodeResult
    removed: bool = False


def configure(seat: Seat, on_done: Callable[[Done], None]) -> list[NodeResult]:
    """Do all that the questions yield; return one result a node.

    The vault is open and the federation's lock is held.
    """
    drop_strays(seat.folder)
    return asyncio.run(_configure(seat, on_done))


async def _configure(seat: Seat, on_done: Callable[[Done], None]) -> list[NodeResult]:
    results: dict[str, NodeResult] = {}

    async def one(step: Wish | Removal) -> None:
        done = (
            Done(await _remove(seat, step), removed=True)
            if isinstance(step, Removal)
            else Done(await _enrol(seat, step))
        )
        results[step.id] = done.result
        on_done(done)

    try:
        for batch in seat.questions.batches(lambda: load(seat.folder)):
            await asyncio.gather(*(one(step) for step in batch))
    except Stopped:
        pass
    return list(results.values())


async def _remove(seat: Seat, step: Removal) -> NodeResult:
    try:
        return await remove_node(seat, step.id)
    except MipError as err:
        return NodeResult(step.id, Kind.FAILED, error=err.message, hint=err.hint)


async def _enrol(seat: Seat, wish: Wish) -> NodeResult:
    """Enrol one node, as often as the operator wants to retry; a failure is a result."""
    while True:
        before, started = load(seat.folder).nodes.get(wish.id), time.monotonic()
        try:
            facts = await enrol_node(seat, wish)
        except MipError as err:
            error = err
        else:
            kind = Kind.OK if load(seat.folder).nodes[wish.id] == before else Kind.CHANGED
            known = {"role": str(wish.access.role), "hostname": facts.hostname}
            return NodeResult(wish.id, kind, facts, seconds=time.monotonic() - started, facts=known)
        seconds = time.monotonic() - started
        note(seat.folder, "not confirmed", node=wish.id, result=error.kind)
        how, again = seat.questions.after_failure(wish, error)
        if how is Next.STOP:
            raise Stopped
        if how is Next.RETRY:
            wish = again
            continue
        known = {"role": str(wish.access.role)}
        return NodeResult(
            wish.id,
            Kind(error.kind),
            error=error.message,
            hint=error.hint,
            seconds=seconds,
            command=error.command,
            facts=known,
        )

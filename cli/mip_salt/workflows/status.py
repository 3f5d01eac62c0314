"""How every node is, asked now: reachable, the confirmed machine, its system, and whether the identity gets in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.ssh import openssh

SECONDS = 20.0


def status(
    folder: Folder, federation: Federation, nodes: Sequence[str], on_done: Callable[[NodeResult], None]
) -> list[NodeResult]:
    """Ask all nodes side by side by the system's ssh; return one result a node, in the order asked for.

    on_done
        Called with each result as it arrives.

    A node that hangs costs its own deadline only. The vault is open.
    """
    return asyncio.run(_status(folder, federation, nodes, on_done))


async def _status(
    folder: Folder, federation: Federation, nodes: Sequence[str], on_done: Callable[[NodeResult], None]
) -> list[NodeResult]:
    room = asyncio.Semaphore(federation.settings.jobs)

    async def one(name: str) -> NodeResult:
        async with room:
            result = await ask(folder, federation, name)
        on_done(result)
        return result

    return list(await asyncio.gather(*map(one, nodes)))


async def ask(folder: Folder, federation: Federation, name: str) -> NodeResult:
    """Ask one node who and how it is."""
    node, started = federation.nodes[name], time.monotonic()
    known = {
        "role": str(node.role),
        "hostname": node.hostname or "",
        "machine": "unknown",
        "identity": "unknown",
    }
    try:
        facts = await openssh.check(folder, federation, name, SECONDS)
        known |= {"identity": "in place", "os": facts.os, "python": facts.python}
        openssh.same_machine(name, node, facts, federation=folder.name)
        known["machine"] = "confirmed"
    except MipError as err:
        known |= {"machine": "another"} if err.kind == Kind.REFUSED else {}
        known |= {"identity": "refused"} if err.kind == Kind.LOGIN else {}
        return NodeResult(
            name,
            Kind(err.kind),
            error=err.message,
            hint=err.hint,
            command=err.command,
            seconds=time.monotonic() - started,
            facts=known,
        )
    return NodeResult(name, Kind.OK, seconds=time.monotonic() - started, facts=known)

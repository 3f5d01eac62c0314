"""Which nodes a command is about, named by id, hostname or address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mip_salt.errors import UsageError
from mip_salt.federation.address import join_address, split_address
from mip_salt.printable import printable

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation


def select(federation: Federation, wanted: Sequence[str], roles: Sequence[str] = ()) -> list[str]:
    """Return the ids of the nodes that are named, each once, in the federation's order; all of them if none is named.

    wanted
        Ids, hostnames or addresses (also ``address:port``), whole and exact. An id always means the node of that id.
    roles
        Of these, only the nodes with one of these roles; of any role if none is given.

    Raises UsageError, listing the candidates, for a name that no node has, or that several have; and if nothing is
    left of nodes that there are.
    """
    chosen = {_one(federation, name.strip()) for name in wanted} if wanted else set(federation.ids())
    left = [name for name in federation.ids() if name in chosen and (not roles or federation.nodes[name].role in roles)]
    if chosen and not left:
        raise UsageError(
            f"no node chosen has the role {' or '.join(roles)}",
            hint=f"They are: {_listing(federation, sorted(chosen))}",
        )
    return left


def _one(federation: Federation, name: str) -> str:
    if name in federation.nodes:
        return name
    found = [node for node in federation.ids() if _called(federation, node, name)]
    if len(found) == 1:
        return found[0]
    shown = printable(name, 80)
    if found:
        raise UsageError(
            f"{shown!r} could be any of {_listing(federation, found)}",
            hint=f"Name the node by its id: {' or '.join(found)}.",
        )
    raise UsageError(
        f"there is no node {shown!r} in {federation.federation}",
        hint=f"Its nodes: {_listing(federation, federation.ids()) or 'none yet'}",
    )


def _called(federation: Federation, node: str, name: str) -> bool:
    row = federation.nodes[node]
    if name.lower() == row.hostname:
        return True
    try:
        address, port = split_address(name, 0)
    except ValueError:
        return False
    return address == row.address and port in (0, row.port)


def _listing(federation: Federation, nodes: Sequence[str]) -> str:
    rows = [(node, federation.nodes[node]) for node in nodes]
    return ", ".join(f"{node} ({row.hostname or '?'}, {join_address(row.address, row.port)})" for node, row in rows)

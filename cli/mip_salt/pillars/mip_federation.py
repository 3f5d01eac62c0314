"""Salt external pillar ``mip_federation``: what a node's role needs of pillar/federation.sls, and no more.

Found through the ``salt.loader`` entry point. What proves a machine (its hostname and machine-id) comes from the
vault's signed entry, never from here.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

# Settings that the pusher alone needs: no node is told.
PUSHERS = ("deadline", "jobs", "sources", "ui")


def ext_pillar(minion_id: str, pillar: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return the pillar of one node.

    minion_id
        The id that the roster gave; an id that is no node gets nothing.
    folder
        The federation's folder.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 pillar.item mip

    Raises Damaged if the federation's document cannot be read, or the node's entry is not a vault's: the pillar then
    has errors, and no state runs.
    """
    from mip_salt.federation.folder import Folder
    from mip_salt.federation.recall import as_federation, plain

    place = Folder(Path(folder))
    fields = plain(place)
    federation = as_federation(fields)
    node = federation.nodes.get(minion_id)
    if node is None:
        return {}
    _refuse_unsealed(place, minion_id)
    me = {
        "id": minion_id,
        "role": str(node.role),
        "hostname": node.hostname,
        "site": node.site,
        "user": node.user,
        "is_bastion": any(other.bastion == minion_id for other in federation.nodes.values()),
    }
    peers = _peers(federation, minion_id)
    return {
        "mip": {
            "federation": federation.federation,
            "node": me,
            "settings": {name: value for name, value in fields["settings"].items() if name not in PUSHERS},
            "peers": peers,
            "hosts": _hosts(peers) if federation.settings.hosts else {},
            "identity": {"public_key": place.identity_public.read_text("utf-8").strip()},
        }
    }


def _refuse_unsealed(place: Any, minion_id: str) -> None:
    """Raise Damaged unless the node's entry is one that only the renderer `mip_vault` opens.

    Salt renders a file without that first line as plain YAML, and asks for no signature: an entry replaced by plain
    text passed for the signed one, `mip_host.verified` included (measured, 3008.3).
    """
    from mip_salt.errors import Damaged
    from mip_salt.vault.entries import HEADER

    try:
        with place.entry(minion_id).open("rb") as entry:
            sealed = entry.read(len(HEADER)) == HEADER.encode()
    except OSError:
        sealed = False
    if not sealed:
        raise Damaged(
            "its vault entry is missing, or is not sealed",
            node=minion_id,
            hint="Restore it from a backup, or configure the node again.",
        )


def _peers(federation: Any, minion_id: str) -> dict[str, Any]:
    """Return the nodes that one talks to: the master talks to all, all talk to the master."""
    role = str(federation.nodes[minion_id].role)
    return {
        name: {"role": str(peer.role), "address": peer.address, "hostname": peer.hostname}
        for name, peer in federation.nodes.items()
        if name != minion_id and "master" in (role, str(peer.role))
    }


def _hosts(peers: dict[str, Any]) -> dict[str, str]:
    """Return the peers that a node's /etc/hosts should name, each with its address.

    A name is left to DNS; a loopback or link-local address is the pusher's own way to a node, and no peer's.
    """
    hosts = {}
    for peer in peers.values():
        try:
            address = ipaddress.ip_address(peer["address"])
        except ValueError:
            continue
        if peer["hostname"] and not (address.is_loopback or address.is_link_local):
            hosts[peer["hostname"]] = str(address)
    return hosts

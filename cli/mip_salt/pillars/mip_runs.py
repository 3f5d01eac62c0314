"""Salt external pillar ``mip_runs``: what runs on a node of the federation, once a version of MIP is installed.

Found through the ``salt.loader`` entry point. Without a version nodes are only prepared: nothing of this is told.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

NETWORK = "mip-federation"
REMEDY = ". What to do: "


def ext_pillar(minion_id: str, pillar: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return what a node's role runs.

    minion_id
        The id that the roster gave; an id that is no node gets nothing.
    pillar
        What the vault tells of it.
    folder
        The federation's folder.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms pillar.item mip:stack

    Raises Damaged if the federation's document or the installed version cannot be read.
    """
    from mip_salt.federation.folder import Folder
    from mip_salt.federation.recall import recall
    from mip_salt.versions.for_nodes import for_nodes

    place = Folder(Path(folder))
    federation = recall(place)
    node = federation.nodes.get(minion_id)
    given = for_nodes(place) if node else None
    if node is None or given is None:
        return {}
    told: dict[str, Any] = {"version": {"mip": given.version.mip.name, "exareme": given.version.exareme.name}}
    role = str(node.role)
    if role in ("master", "worker"):
        told["swarm"] = _swarm(federation, minion_id)
    if role == "master":
        told["stack"] = {"files": given.master, "stacks": _stacks(federation, given.version.exareme.name)}
    if role == "ui":
        from mip_salt.errors import Damaged
        from mip_salt.federation.front_end import variables

        try:
            told["ui"] = {"files": given.ui, "env": {**given.variables, **variables(federation, pillar)}}
        except Damaged as err:
            # Salt passes on nothing but the message.
            raise Damaged(f"{err.message}{REMEDY}{err.hint}") from None
    return {"mip": told}


def _swarm(federation: Federation, minion_id: str) -> dict[str, Any]:
    master = federation.nodes.get("ms")
    network = ipaddress.IPv4Network(federation.settings.swarm.subnet)
    return {
        "manager": master.address if master else "",
        "address": federation.nodes[minion_id].address,
        "network": {
            "name": NETWORK,
            "subnet": str(network),
            "gateway": str(network.broadcast_address - 1),  # the incumbent's, of its 10.20.30.0/24
            "encrypted": federation.settings.swarm.encrypted,
            "mtu": federation.settings.swarm.mtu or 0,
        },
    }


def _stacks(federation: Federation, exareme: str) -> list[dict[str, Any]]:
    """Return a stack for each node that exareme runs on: what it is called, its compose file and its variables.

    Those are the incumbent's to the letter, so that what it deployed is adopted without a restart. A node whose
    hostname was never confirmed has none.
    """
    stack, data = federation.settings.stack, federation.settings.data
    found = []
    for name in federation.ids():
        node = federation.nodes[name]
        role = str(node.role)
        if role == "ui" or not node.hostname:
            continue
        env = {
            "FEDERATION_NODE": node.hostname,
            "FEDERATION_ROLE": role,
            "EXAREME_IMAGE": f"{stack.image}:{stack.tag or exareme}",
            "EXAREME_KEYSTORE": stack.keystore,
            "DOCKER_DATA_FOLDER": "/root/exareme/data/",
            "LOCAL_DATA_FOLDER": f"{data.path}/{federation.federation}/",
        }
        compose = f"docker-compose-{role}.yml"
        known = {"id": name, "hostname": node.hostname, "address": node.address, "enabled": node.enabled}
        found.append({**known, "compose": compose, "env": env})
    return found

"""
Have a Docker Swarm: its manager, its network, its workers, and what the manager calls them.

Nothing that belongs to another swarm is touched. The secret by which a worker joins comes in the pillar of a run of
mip-salt, in memory; it stands in no state, comment or change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]

__virtualname__ = "mip_swarm"

# Seconds that a node which left may still count as live at the manager: it misses its heartbeats first (measured,
# 20.10: about 15 s).
HEARTBEAT = 45


def __virtual__() -> str:
    return __virtualname__


def encryptable(name: str) -> dict[str, Any]:
    """
    Hold that this kernel can encrypt what goes between the nodes; nothing is changed.

    .. code-block:: yaml

        mip-swarm-encryptable:
          mip_swarm.encryptable:
            - name: mip-federation

    Without it an encrypted network is made all the same, and only fails between nodes, by timeouts (measured, 20.10).

    name
        The network's name.
    """
    found = __salt__["mip_swarm.esp"]()
    if found["possible"]:
        return _ok(_return(name), "Already so: the kernel can encrypt it.")
    how = (
        "Boot a kernel that has ESP (module esp4), as the distribution's own has. Only where nothing confidential goes "
        "over it: settings: {swarm: {encrypted: false}}"
    )
    return {
        **_return(name),
        "comment": f"This node's kernel cannot encrypt the network {name}: {found['why'].rstrip('.')}. {how}",
    }


def manager(name: str, address: str = "") -> dict[str, Any]:
    """
    Have this node be the manager of a swarm.

    .. code-block:: yaml

        mip-swarm-manager:
          mip_swarm.manager:
            - name: swarm
            - address: 10.0.0.11

    name
        Only a name.

    address
        Where the pusher reaches it; the workers will, unless it is none of an IP.
    """
    ret = _return(name)
    try:
        address = __salt__["mip_swarm.own_address"](address)
        found = __salt__["mip_swarm.info"]()
        if found["state"] == "active" and found["manager"]:
            if found["address"] != address:
                raise CommandExecutionError(
                    f"its swarm knows it at {found['address']}, and its address is {address} now: workers cannot reach "
                    f"it. Give it {found['address']} again, or make the swarm anew: docker swarm leave --force on the "
                    "master, then mip-salt apply"
                )
            return _ok(ret, f"Already so: the manager, at {address}.")
        if found["state"] != "inactive":
            raise CommandExecutionError(_foreign(found))
        ret["changes"] = {"swarm": {"old": "none", "new": f"manager at {address}"}}
        if __opts__["test"]:
            return {
                **ret,
                "result": None,
                "comment": f"A swarm would be made, with this node its manager at {address}.",
            }
        found = __salt__["mip_swarm.init"](address)
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"This node is not the manager of a swarm: {err}"}
    return _ok(ret, f"Made: swarm {found['cluster']}, with this node its manager at {address}.")


def network(name: str, subnet: str, gateway: str, encrypted: bool = True, mtu: int = 0) -> dict[str, Any]:
    """
    Have the overlay network that the federation's services talk over. One that is there is never changed or removed.

    .. code-block:: yaml

        mip-swarm-network:
          mip_swarm.network:
            - name: mip-federation
            - subnet: 10.20.30.0/24
            - gateway: 10.20.30.254

    name, subnet, gateway, encrypted, mtu
        What it is to be; an mtu of 0 takes any.
    """
    ret = _return(name)
    want = {"driver": "overlay", "subnet": subnet, "gateway": gateway, "encrypted": encrypted, "mtu": mtu}
    try:
        have = __salt__["mip_swarm.network"](name)
        if have:
            given = {**have, "mtu": mtu} if not mtu else have
            if given == want:
                return _ok(ret, f"Already so: {_told(have)}.")
            raise CommandExecutionError(
                f"one of that name is there with {_told(have)}, and wanted is {_told(want)}. It stays as it is: change "
                f"the settings to it; or stop what uses it, and docker network rm {name} on the master"
            )
        ret["changes"] = {name: {"old": "none", "new": _told(want)}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"It would be made: {_told(want)}."}
        __salt__["mip_swarm.create_network"](name, subnet, gateway, encrypted, mtu)
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"The network {name} is not as it should be: {err}"}
    return _ok(ret, f"Made: {_told(want)}.")


def joined(name: str, manager: str, address: str = "") -> dict[str, Any]:
    """
    Have this node be a worker in the swarm of a manager.

    .. code-block:: yaml

        mip-swarm-joined:
          mip_swarm.joined:
            - name: swarm
            - manager: 10.0.0.11
            - address: 10.0.0.21

    A run of mip-salt hands over what is needed to join; without, a worker that has joined is verified, and any other
    is a failure. A worker leaves a swarm by itself only where it is ours: it was removed by our manager, its or the
    manager's address changed, or the manager's swarm was made anew.

    name
        Only a name.

    manager
        The manager's address.

    address
        Where the pusher reaches this node; the others will, unless it is none of an IP.
    """
    ret = _return(name)
    try:
        address = __salt__["mip_swarm.own_address"](address, manager)
        found = __salt__["mip_swarm.info"]()
        key = (__pillar__.get("mip") or {}).get("join") or {}
        left = _why_leave(found, manager, address, key)
        if found["state"] == "active" and not left:
            return _ok(ret, f"Already so: in the swarm of {manager}, at {address}.")
        ret["changes"] = {"swarm": {"old": left or "none", "new": f"worker of {manager}, at {address}"}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"It would join the swarm of {manager}."}
        if not key.get("token"):
            raise CommandExecutionError(
                "apply the master first: mip-salt apply (without --node) lets it join; salt-ssh alone cannot"
            )
        if left:
            __salt__["mip_swarm.leave"]()
        __salt__["mip_swarm.join"](manager, address, key["token"])
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"This node is not a worker in the swarm of {manager}: {err}"}
    return _ok(ret, f"Joined the swarm of {manager}, at {address}.")


def member(name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """
    Have the manager know a live node by its hostname, under labels, and let tasks run on it.

    .. code-block:: yaml

        mip-stacks-wk1-member:
          mip_swarm.member:
            - name: brain-wk1
            - labels: {name: brain-wk1}

    Dead entries of the same hostname, which a node leaves that joins anew, are taken away.

    name
        The node's hostname. There must be exactly one live node of it.

    labels
        Beside those it has.
    """
    ret = _return(name)
    try:
        found = __salt__["mip_swarm.find"](name, wait=0 if __opts__["test"] else HEARTBEAT)
        node = found["node"]
        ret["changes"] = _unlike(node, labels or {}, "active")
        unlike = bool(ret["changes"])
        if found["dead"]:
            ret["changes"]["dead entries"] = {"old": ", ".join(found["dead"]), "new": ""}
        if not ret["changes"]:
            return _ok(ret, f"Already so: {node['role']} at {node['address']}.")
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"Would change: {', '.join(ret['changes'])}."}
        if unlike:
            __salt__["mip_swarm.set_node"](node["id"], labels or {}, "active")
        for dead in found["dead"]:
            __salt__["mip_swarm.forget"](dead)
    except CommandExecutionError as err:
        if __opts__["test"]:
            ret["changes"] = {"swarm": {"old": "", "new": "joined"}}
            return {**ret, "result": None, "comment": f"It would be looked for again: {err}."}
        return {**ret, "changes": {}, "comment": f"{name} is not as it should be in the swarm: {err}"}
    return _ok(ret, f"Changed: {', '.join(ret['changes'])}.")


def drained(name: str) -> dict[str, Any]:
    """
    Have no task run on a node, dead or alive; it stays in the swarm, and one that never joined is drained already.

    .. code-block:: yaml

        mip-stacks-wk2-drained:
          mip_swarm.drained:
            - name: brain-wk2

    name
        The node's hostname.
    """
    ret = _return(name)
    try:
        found = [node for node in __salt__["mip_swarm.of"](name) if node["availability"] != "drain"]
        for node in found:
            ret["changes"][node["id"]] = {"old": node["availability"], "new": "drain"}
        if not found:
            return _ok(ret, "Already so.")
        if __opts__["test"]:
            return {**ret, "result": None, "comment": "It would be drained: no task would run on it."}
        for node in found:
            __salt__["mip_swarm.set_node"](node["id"], {}, "drain")
    except CommandExecutionError as err:
        if __opts__["test"]:
            return _ok(ret, f"There is nothing to drain yet: {err}.")
        return {**ret, "changes": {}, "comment": f"{name} is not drained: {err}"}
    return _ok(ret, "Drained: no task runs on it.")


def left(name: str) -> dict[str, Any]:
    """
    Have a worker be in no swarm.

    .. code-block:: yaml

        mip-swarm-left:
          mip_swarm.left:
            - name: swarm

    name
        Only a name. A manager does not leave by this: its swarm would be lost.
    """
    ret = _return(name)
    try:
        found = __salt__["mip_swarm.info"]()
        if found["state"] == "inactive":
            return _ok(ret, "Already so: in no swarm.")
        if found["manager"]:
            raise CommandExecutionError("this node is the manager, and its swarm would be lost")
        ret["changes"] = {"swarm": {"old": f"worker of {_managers(found)}", "new": "none"}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": "It would leave its swarm."}
        __salt__["mip_swarm.leave"]()
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"This node is still in a swarm: {err}"}
    return _ok(ret, "It has left its swarm.")


def _unlike(node: dict[str, Any], labels: dict[str, str], availability: str) -> dict[str, Any]:
    """Return what of a node differs."""
    changes = {
        f"label {key}": {"old": node["labels"].get(key, ""), "new": value}
        for key, value in labels.items()
        if node["labels"].get(key) != value
    }
    if node["availability"] != availability:
        changes["availability"] = {"old": node["availability"], "new": availability}
    return changes


def _why_leave(found: dict[str, Any], manager: str, address: str, key: dict[str, Any]) -> str:
    """Say why a node must leave the swarm that it is in before it can join ours; nothing if it need not.

    Raises CommandExecutionError if that swarm is not ours to leave.
    """
    if found["state"] == "inactive":
        return ""
    if found["manager"]:
        raise CommandExecutionError(
            f"it is itself the manager of a swarm ({found['cluster']}), which is not touched. If nobody needs that: "
            "docker swarm leave --force, on it"
        )
    if found["state"] in ("error", "pending"):
        return f"{found['state']}: {found['error'] or 'its manager does not answer'}"
    if found["state"] != "active":
        raise CommandExecutionError(_foreign(found))
    known, ours = key.get("known") or [], key.get("manager_id") or ""
    at = found["managers"].get(ours, "")
    if ours and known and found["node_id"] not in known and at:
        return "removed by the manager"
    if ours and at and at != manager:
        return f"looks for the manager at {at}"
    if ours and not at:
        if manager in found["managers"].values():
            return "the manager's swarm was made anew"
        raise CommandExecutionError(_foreign(found))
    if not ours and manager not in found["managers"].values():
        raise CommandExecutionError(_foreign(found))
    return f"known at {found['address']}" if found["address"] != address else ""


def _foreign(found: dict[str, Any]) -> str:
    if found["state"] == "locked":
        return "its swarm is locked: docker swarm unlock, on it"
    return (
        f"it is {found['state']} in another swarm (of {_managers(found)}), which is not touched. If nobody needs that: "
        "docker swarm leave, on it"
    )


def _managers(found: dict[str, Any]) -> str:
    return ", ".join(sorted(found["managers"].values())) or "an unknown manager"


def _told(network: dict[str, Any]) -> str:
    mtu = f", mtu {network['mtu']}" if network["mtu"] else ""
    how = "encrypted" if network["encrypted"] else "NOT encrypted"
    return f"{network['driver']} {network['subnet']}, gateway {network['gateway']}, {how}{mtu}"


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}

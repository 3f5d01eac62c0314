"""
Have this node in a Docker Swarm, as its manager or as a worker, or in none.

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


def __virtual__() -> str:
    return __virtualname__


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
            # What `docker swarm init --force-new-cluster` leaves behind: the engine tells the new address of itself,
            # and workers are told the old one, at which their networks look for it for ever (measured, 20.10).
            at = next((old for old in (found["address"], _at(found)) if old != address), "")
            if at:
                raise CommandExecutionError(_moved(at, address))
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
    manager's address changed, or the manager's swarm was made anew. Ours is the swarm of the manager, and the one that
    mip-salt had it join.

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
            if not __opts__["test"]:
                __salt__["mip_swarm.note"]()
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
            if __salt__["mip_swarm_port.release"]():
                ret["changes"]["engine"] = {"old": "held on to the swarm that it left", "new": "restarted"}
        __salt__["mip_swarm.join"](manager, address, key["token"])
        __salt__["mip_swarm.note"]()
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"This node is not a worker in the swarm of {manager}: {err}"}
    return _ok(ret, f"Joined the swarm of {manager}, at {address}.")


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
    at, there = found["managers"].get(ours, ""), set(found["managers"].values())
    places = {key["address"]} if key.get("address") else set(__salt__["mip_swarm.addresses_of"](manager))
    if ours and known and found["node_id"] not in known and at:
        return "removed by the manager"
    if ours and at and at not in places:
        return f"looks for the manager at {at}"
    if not at and not there & places:
        if not found["noted"]:
            raise CommandExecutionError(_foreign(found))
        # Of a manager that is known by a name, only the manager itself says where its swarm has it.
        if ours or manager in places:
            return f"looks for the manager at {_managers(found)}"
    if ours and not at:
        return "the manager's swarm was made anew"
    return f"known at {found['address']}" if found["address"] != address else ""


def _at(found: dict[str, Any]) -> str:
    """Return where a manager is for its workers."""
    return str(found["managers"].get(found["node_id"], found["address"]))


def _moved(at: str, address: str) -> str:
    federation = (__pillar__.get("mip") or {}).get("federation", "FEDERATION")
    return (
        f"its swarm knows it at {at}, and its address is {address} now: workers cannot reach it. Give it {at} again; "
        "or make the swarm anew, for which exareme stops and no data is lost: "
        f"mip-salt -f {federation} ssh ms sudo docker swarm leave --force, and then mip-salt -f {federation} apply"
    )


def _foreign(found: dict[str, Any]) -> str:
    if found["state"] == "locked":
        return "its swarm is locked: docker swarm unlock, on it"
    return (
        f"it is {found['state']} in another swarm (of {_managers(found)}), which is not touched. If nobody needs that: "
        "docker swarm leave, on it"
    )


def _managers(found: dict[str, Any]) -> str:
    return ", ".join(sorted(found["managers"].values())) or "an unknown manager"


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}

"""
Have the manager of a swarm know each node by its hostname, and let tasks run on it, or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_swarm_node"

# Seconds that a node which left may still count as live at the manager: it misses its heartbeats first (measured,
# 20.10: about 15 s).
HEARTBEAT = 45


def __virtual__() -> str:
    return __virtualname__


def member(name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """
    Have the manager know a live node by its hostname, under labels, and let tasks run on it.

    .. code-block:: yaml

        mip-stacks-wk1-member:
          mip_swarm_node.member:
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
        found = __salt__["mip_swarm_node.find"](name, wait=0 if __opts__["test"] else HEARTBEAT)
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
            __salt__["mip_swarm_node.change"](node["id"], labels or {}, "active")
        for dead in found["dead"]:
            __salt__["mip_swarm_node.forget"](dead)
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
          mip_swarm_node.drained:
            - name: brain-wk2

    name
        The node's hostname.
    """
    ret = _return(name)
    try:
        found = [node for node in __salt__["mip_swarm_node.of"](name) if node["availability"] != "drain"]
        for node in found:
            ret["changes"][node["id"]] = {"old": node["availability"], "new": "drain"}
        if not found:
            return _ok(ret, "Already so.")
        if __opts__["test"]:
            return {**ret, "result": None, "comment": "It would be drained: no task would run on it."}
        for node in found:
            __salt__["mip_swarm_node.change"](node["id"], {}, "drain")
    except CommandExecutionError as err:
        if __opts__["test"]:
            return _ok(ret, f"There is nothing to drain yet: {err}.")
        return {**ret, "changes": {}, "comment": f"{name} is not drained: {err}"}
    return _ok(ret, "Drained: no task runs on it.")


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


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}

"""
Have exareme's master itself say that nodes take part.
"""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_exareme"
PAUSE = 1


def __virtual__() -> str:
    return __virtualname__


def healthy(
    name: str, nodes: list[str], timeout: float = 300, addresses: dict[str, str] | None = None
) -> dict[str, Any]:
    """
    Have exareme's master itself say that nodes take part, and wait for it.

    .. code-block:: yaml

        mip-stacks-healthy:
          mip_exareme.healthy:
            - name: http://127.0.0.1:9090
            - nodes: [brain-ms, brain-wk1]

    name
        URL of the master's interface.

    nodes
        The hostnames that must take part; others may.

    timeout
        Seconds to wait: a worker takes part once its own first health check has passed. One whose stack does not run
        is not waited for.

    addresses
        Where nodes are, by hostname. One that the swarm knows at another IP address is not waited for either: it has to
        join anew first.
    """
    ret = _return(name)
    end = time.monotonic() + (0 if __opts__["test"] else float(timeout))
    while True:
        found = __salt__["mip_exareme.health"](name)
        missing = sorted(set(nodes) - set(found["active"]))
        if not missing:
            return _ok(ret, f"Take part: {', '.join(found['active'])}.")
        awaited = (node for node in missing if _runs(node) and not _moved(node, (addresses or {}).get(node, "")))
        if time.monotonic() >= end or not any(awaited):
            break
        time.sleep(PAUSE)
    why = found["why"] or f"missing: {', '.join(missing)}; there: {', '.join(found['active']) or 'nobody'}"
    if __opts__["test"]:
        ret["changes"] = {"takes part": {"old": ", ".join(found["active"]), "new": ", ".join(nodes)}}
        return {**ret, "result": None, "comment": f"It would be waited for: {why}."}
    how = "See, on the master: docker service ps HOSTNAME_exareme, docker service logs HOSTNAME_exareme"
    return {**ret, "comment": f"Not all take part: {why}. {how}"}


def _runs(name: str) -> bool:
    """Say whether a stack runs: then it may take part soon."""
    try:
        found = __salt__["mip_stack.waiting"](name)
    except CommandExecutionError:
        return False
    return bool(found["wanted"] and found["running"] >= found["wanted"])


def _moved(name: str, address: str) -> bool:
    """Say whether a node has another address than the swarm knows it at: then the others do not reach it."""
    try:
        wanted = str(ipaddress.ip_address(address))
        live = [node["address"] for node in __salt__["mip_swarm_node.of"](name) if node["state"] != "down"]
    except (ValueError, CommandExecutionError):
        return False
    return bool(live) and wanted not in live


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}

"""
Know and shape the nodes of a swarm as its manager sees them: who is live, what it is called, whether tasks run on it.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_swarm_node"

# Seconds for a node that is down to be back if it is just booting.
BOOT = 10
PAUSE = 0.3
# States of a task before and while its container runs.
AT_WORK = ("assigned", "accepted", "preparing", "ready", "starting", "running")


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_swarm_node knows Docker's engine on Linux"
    return __virtualname__


def every() -> list[dict[str, Any]]:
    """
    Return on the manager all nodes of the swarm: ``id``, ``hostname``, ``address``, ``state``, ``role``, ``labels``,
    ``availability``.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.every
    """
    return [
        {
            "id": node["ID"],
            "hostname": node["Description"].get("Hostname", ""),
            "address": node["Status"].get("Addr", ""),
            "state": node["Status"]["State"],
            "role": node["Spec"]["Role"],
            "availability": node["Spec"]["Availability"],
            "labels": node["Spec"].get("Labels") or {},
        }
        for node in _call("GET", "/nodes")
    ]


def find(hostname: str, wait: float = 0) -> dict[str, Any]:
    """
    Return on the manager the one live node of a hostname as ``node``, and the ids of ``dead`` ones beside it.

    hostname
        As the node's engine tells it.

    wait
        Seconds to wait until exactly one is live: one that left still counts until its heartbeats are missed.

    Raises CommandExecutionError if there is none, or more than one.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.find brain-wk1
    """
    begun = time.monotonic()
    end = begun + float(wait)
    while True:
        same = of(hostname)
        live = [node for node in same if node["state"] != "down"]
        ready = len(live) == 1 and live[0]["state"] == "ready"
        # Two are live while one that left is not missed yet; where none is, one that just boots is all that can come.
        if not live:
            end = min(end, begun + BOOT)
        if ready or not same or time.monotonic() >= end:
            break
        time.sleep(PAUSE)
    if not ready:
        told = ", ".join(f"{node['id']} at {node['address']} is {node['state']}" for node in same)
        raise CommandExecutionError(
            f"{len(live)} nodes of that hostname are live in it: {told}"
            if same
            else "no node of that hostname joined it"
        )
    return {"node": live[0], "dead": [node["id"] for node in same if node["state"] == "down"]}


def of(hostname: str) -> list[dict[str, Any]]:
    """
    Return on the manager every node of a hostname, dead or alive.

    hostname
        As the node's engine tells it.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.of brain-wk1
    """
    return [node for node in every() if node["hostname"] == hostname]


def change(node_id: str, labels: dict[str, str], availability: str) -> None:
    """
    Give a node labels beside those it has, and an availability, on the manager.

    node_id
        From :py:func:`every`.

    labels
        Labels and their values.

    availability
        ``active``, ``pause`` or ``drain``.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.change ID '{"name": "brain-wk1"}' active
    """
    told = _call("GET", f"/nodes/{node_id}")
    spec = {**told["Spec"], "Labels": {**(told["Spec"].get("Labels") or {}), **labels}, "Availability": availability}
    _call("POST", f"/nodes/{node_id}/update?version={told['Version']['Index']}", spec)


def let_work(hostname: str, work: bool) -> list[dict[str, Any]]:
    """
    Have tasks run on every node of a hostname, dead or alive, or on none, on the manager.

    hostname
        As the node's engine tells it.

    work
        Whether they do.

    Returns these nodes as they were before, as :py:func:`every` tells them.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.let_work brain-wk1 false
    """
    availability = "active" if work else "drain"
    found = of(hostname)
    for node in found:
        if node["availability"] != availability:
            change(node["id"], {}, availability)
    return found


def at_work(hostname: str, wait: float = 0) -> int:
    """
    Return on the manager how many tasks are at work on the live nodes of a hostname.

    hostname
        As the node's engine tells it.

    wait
        Seconds to wait until none is: a container is given time to end.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.at_work brain-wk1 30
    """
    end = time.monotonic() + float(wait)
    while True:
        live = [node["id"] for node in of(hostname) if node["state"] != "down"]
        filters = quote(json.dumps({"node": live}))
        tasks = _call("GET", f"/tasks?filters={filters}") if live else []
        many = sum(task["Status"]["State"] in AT_WORK for task in tasks)
        if not many or time.monotonic() >= end:
            return many
        time.sleep(PAUSE)


def forget(node_id: str, force: bool = False) -> None:
    """
    Take a dead node off the manager's list; the engine refuses for a live one.

    node_id
        From :py:func:`every`.

    force
        A live one too; it goes on taking itself for a node of the swarm until it leaves.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.forget ID
    """
    _call("DELETE", f"/nodes/{node_id}{'?force=true' if force else ''}")


def remove(hostname: str) -> list[str]:
    """
    Take every worker of a hostname off the manager's list, dead or alive, and return their ids.

    hostname
        As the node's engine tells it.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_node.remove brain-wk3
    """
    gone = [node["id"] for node in of(hostname) if node["role"] == "worker"]
    for node_id in gone:
        forget(node_id, force=True)
    return gone


def _call(method: str, path: str, body: Any = None) -> Any:
    return __salt__["mip_engine.call"](method, path, body)

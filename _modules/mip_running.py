"""
Tell what of a federation runs, as this node's engine sees it, and on the swarm's manager as that and exareme see it.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. Nothing is changed.
"""

from __future__ import annotations

import calendar
import json
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_running"

STACK, DEPLOYED = "com.docker.stack.namespace", "org.mip-salt.deployed"
SERVICE, PROJECT = "com.docker.swarm.service.name", "com.docker.compose.project"
# Seconds for exareme's health check.
HEALTH = 20


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_running knows Docker's engine on Linux"
    return __virtualname__


def look(project: str = "mipfederation") -> dict[str, Any]:
    """
    Return all that this node can tell.

    project
        Name of the web front end's compose project.

    Returns ``swarm`` (as ``mip_swarm.info``), and ``containers``; on the swarm's manager also ``nodes`` (as
    ``mip_swarm_node.every``), ``services``, and exareme's ``health`` and ``keystore`` (as ``mip_exareme``). Raises
    CommandExecutionError if the engine does not answer.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_running.look
    """
    swarm = __salt__["mip_swarm.info"]()
    found: dict[str, Any] = {"swarm": swarm, "containers": containers(project)}
    if swarm["manager"]:
        found.update(nodes=__salt__["mip_swarm_node.every"](), services=services())
        found.update(health=__salt__["mip_exareme.health"](seconds=HEALTH), keystore=__salt__["mip_exareme.keystore"]())
    return found


def containers(project: str = "mipfederation") -> list[dict[str, Any]]:
    """
    Return the containers of the swarm's services and of a compose project on this node.

    project
        The project's name.

    Each has ``service``, ``state``, ``seconds`` since it started (None if it does not run), ``project`` (whether it is
    one of the project's) and, for those, ``well``: it runs, or has done its work.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_running.containers
    """
    found = []
    for row in _ask("containers/json", [SERVICE]):
        found.append({"service": row["Labels"][SERVICE], "state": row["State"], "project": False, **_since(row["Id"])})
    for one in __salt__["mip_compose.containers"](project):
        kept = {key: one[key] for key in ("service", "state", "well")}
        found.append(
            {**kept, "project": True, **(_since(one["id"]) if one["state"] == "running" else {"seconds": None})}
        )
    return found


def services() -> list[dict[str, Any]]:
    """
    Return the swarm's services, on its manager.

    Each has ``name``, ``stack`` (empty if it is in none), ``ours`` (mip-salt deployed or adopted it), ``image``, how
    many tasks are ``wanted`` and ``running``, and ``why`` the others do not run.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_running.services
    """
    found = []
    for one in __salt__["mip_engine.call"]("GET", "/services"):
        spec = one["Spec"]
        labels = spec.get("Labels") or {}
        image = str((spec["TaskTemplate"].get("ContainerSpec") or {}).get("Image", "")).partition("@")[0]
        told = {"name": spec["Name"], "stack": labels.get(STACK, ""), "ours": DEPLOYED in labels, "image": image}
        found.append({**told, **__salt__["mip_service.waiting"](spec["Name"])})
    return sorted(found, key=lambda one: one["name"])


def _ask(what: str, labels: list[str]) -> Any:
    return __salt__["mip_engine.call"]("GET", f"/{what}?filters={quote(json.dumps({'label': labels}))}")


def _since(container: str) -> dict[str, Any]:
    """Return for how many seconds a container has run, by this node's own clock."""
    try:
        began = __salt__["mip_engine.call"]("GET", f"/containers/{container}/json")["State"]["StartedAt"]
        at = calendar.timegm(time.strptime(began[:19], "%Y-%m-%dT%H:%M:%S"))
    except (CommandExecutionError, KeyError, TypeError, ValueError):
        return {"seconds": None}  # it ended this moment
    return {"seconds": max(0, int(time.time() - at))}

"""
Have services of the swarm start anew, and see that what was removed has ended, on the swarm's manager.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import json
import os
import time
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_service"

NAMESPACE = "com.docker.stack.namespace"
# States of a task whose container is no more.
ENDED = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")
PAUSE = 0.5
ATTEMPTS = 20


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_service knows Docker's engine on Linux"
    return __virtualname__


def names(stack: str) -> list[str]:
    """
    Return the names of a stack's services.

    stack
        Its name.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_service.names brain-wk1
    """
    return sorted(one["Spec"]["Name"] for one in _ask("services", {"label": [f"{NAMESPACE}={stack}"]}))


def anew(services: list[str], seconds: float) -> dict[str, Any]:
    """
    Have the tasks of services made anew, one service after the other, and wait until the new ones run.

    services
        Their names.

    seconds
        How long to wait for all of them.

    Returns ``done``, the services whose tasks are new and run, and ``why`` the others do not. Raises
    CommandExecutionError if one is not there, or the engine refuses.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_service.anew '[brain-wk1_exareme]' 60
    """
    end = time.monotonic() + float(seconds)
    done: list[str] = []
    for name in services:
        service = find(name)
        if service is None:
            raise CommandExecutionError(f"there is no service {name}")
        before = {task["ID"] for task in _tasks(service)}
        change(service["ID"], anew=True)
        many = (service["Spec"]["Mode"].get("Replicated") or {}).get("Replicas", 1)
        while True:
            tasks = _tasks(service)
            wanted = [task for task in tasks if task["DesiredState"] not in ("shutdown", "remove")]
            new = [task for task in wanted if task["ID"] not in before]
            # Until swarm has ended the old ones, they run beside what is to come.
            if len(new) == len(wanted) and sum(task["Status"]["State"] == "running" for task in new) >= many:
                done.append(name)
                break
            if time.monotonic() >= end:
                said = sorted({_why(task) for task in wanted if task["Status"]["State"] != "running"})
                return {"done": done, "why": f"{name}: {'; '.join(said[:3]) or 'its old task has not ended yet'}"}
            time.sleep(PAUSE)
    return {"done": done, "why": ""}


def change(
    service_id: str, labels: dict[str, str] | None = None, anew: bool = False, spec: dict[str, Any] | None = None
) -> None:
    """
    Change a service; it keeps its right to pull.

    service_id
        Its id, or its name.

    labels
        Labels that it gets beside its own: that restarts no task.

    anew
        Whether its tasks are made anew, as they are.

    spec
        What it is to be from now on, as a whole; else it stays what it is.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_service.change brain-wk1_exareme anew=True
    """
    for attempt in range(ATTEMPTS):
        service = __salt__["mip_engine.call"]("GET", f"/services/{service_id}")
        wanted = {**(spec or service["Spec"])}
        wanted["Labels"] = {**(wanted.get("Labels") or {}), **(labels or {})}
        if anew:
            task = wanted["TaskTemplate"]
            wanted["TaskTemplate"] = {**task, "ForceUpdate": task.get("ForceUpdate", 0) + 1}
        path = f"/services/{service_id}/update?version={service['Version']['Index']}&registryAuthFrom=spec"
        try:
            __salt__["mip_engine.call"]("POST", path, wanted)
            return
        except CommandExecutionError as err:
            # Swarm itself writes to a service while it makes its tasks anew (measured, 20.10).
            if "out of sequence" not in str(err) or attempt == ATTEMPTS - 1:
                raise
        time.sleep(PAUSE)


def find(name: str) -> Any:
    """
    Return a service as the engine tells it; None if there is none of that name.

    name
        The service's, whole.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_service.find mip-portainer
    """
    # The engine's own filter takes a name's beginning too.
    found = [one for one in _ask("services", {"name": [name]}) if one["Spec"]["Name"] == name]
    return found[0] if found else None


def waiting(name: str) -> dict[str, Any]:
    """
    Say whether a service runs.

    name
        The service's, whole.

    Returns how many tasks are ``wanted`` and ``running``, ``why`` the others do not, as a list, and whether it is
    ``stuck``: no node was found for a task.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_service.waiting mip-portainer
    """
    service = find(name)
    if service is None:
        return {"wanted": 0, "running": 0, "why": ["there is no such service"], "stuck": False}
    many = (service["Spec"]["Mode"].get("Replicated") or {}).get("Replicas", 1)
    tasks = sorted(_tasks(service), key=lambda task: task["CreatedAt"], reverse=True)
    wanted = [task for task in tasks if task["DesiredState"] not in ("shutdown", "remove", "complete")]
    up = sum(task["Status"]["State"] == "running" for task in wanted)
    # Why the one before it ended says more than that this one is starting.
    failed = [task for task in tasks if task["Status"]["State"] in ("failed", "rejected")][:1]
    why = sorted({_why(task) for task in wanted + failed}) if up < many else []
    stuck = up < many and any(task["Status"]["State"] == "pending" and not task.get("NodeID") for task in wanted)
    return {"wanted": many, "running": min(up, many), "why": why, "stuck": stuck}


def left(stack: str) -> list[str]:
    """
    Say what of a stack has not ended yet: its services, and the tasks of those that are removed.

    stack
        Its name.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_service.left brain-wk3
    """
    if names(stack):
        return [f"the service {name} is there" for name in names(stack)]
    nodes: dict[str, Any] = {}
    found = []
    for task in _ask("tasks", {"label": [f"{NAMESPACE}={stack}"]}):
        if task["Status"]["State"] in ENDED:
            continue
        nodes = nodes or {one["id"]: one for one in __salt__["mip_swarm_node.every"]()}
        node = nodes.get(task.get("NodeID"), {})
        where = f"on {node.get('hostname') or 'no node'}, which is {node.get('state') or 'not in the swarm'}"
        found.append(_clean(f"a task is {task['Status']['State']} {where}"))
    return found


def _tasks(service: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _ask("tasks", {"service": [service["ID"]]})
    return found


def _ask(what: str, filters: dict[str, list[str]]) -> Any:
    return __salt__["mip_engine.call"]("GET", f"/{what}?filters={quote(json.dumps(filters))}")


def _why(task: dict[str, Any]) -> str:
    status = task["Status"]
    return _clean(": ".join(filter(None, (status["State"], status.get("Err") or status.get("Message")))))


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in str(text)[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(str(text)) > limit else "")

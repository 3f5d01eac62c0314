"""
Stop and restart what runs of a compose project, through the engine; its containers stay.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_project"

# Seconds that a container has to end by itself.
GRACE = 10
LABEL = "com.docker.compose.project.working_dir"


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_project knows Docker's engine on Linux"
    return __virtualname__


def running(project: str, folder: str) -> dict[str, str]:
    """
    Return the services of a project that run, each with its container's id.

    project
        Its name.

    folder
        Where its docker-compose.yml lies; containers of a project of that name from elsewhere are somebody else's.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_project.running mipfederation /opt/mip-deployment/Federation
    """
    found = {}
    for one in __salt__["mip_compose.containers"](project):
        if one["state"] not in ("running", "restarting", "paused"):
            continue
        labels = __salt__["mip_engine.call"]("GET", f"/containers/{one['id']}/json")["Config"]["Labels"]
        # Compose before 1.25 does not tell.
        if labels.get(LABEL, folder) == folder:
            found[one["service"]] = one["id"]
    return found


def stop(project: str, folder: str) -> list[str]:
    """
    Stop what runs of a project; return the services. Containers, networks and data stay.

    project, folder
        As for :py:func:`running`.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_project.stop mipfederation /opt/mip-deployment/Federation
    """
    return _each("stop", project, folder)


def restart(project: str, folder: str) -> list[str]:
    """
    Restart what runs of a project; return the services. One that has done its work, and ended, is not run again.

    project, folder
        As for :py:func:`running`.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_project.restart mipfederation /opt/mip-deployment/Federation
    """
    return _each("restart", project, folder)


def _each(what: str, project: str, folder: str) -> list[str]:
    found = running(project, folder)
    for container in found.values():
        __salt__["mip_engine.call"]("POST", f"/containers/{container}/{what}?t={GRACE}")
    return sorted(found)

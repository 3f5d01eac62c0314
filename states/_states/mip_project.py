"""
Have a compose project stopped, or restarted; its containers, networks and data stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_project"


def __virtual__() -> str:
    return __virtualname__


def stopped(name: str, folder: str) -> dict[str, Any]:
    """
    Have nothing of a project run.

    .. code-block:: yaml

        mip-ui-stopped:
          mip_project.stopped:
            - name: mipfederation
            - folder: /opt/mip-deployment/Federation

    name
        The project's.

    folder
        Where its docker-compose.yml lies.
    """
    return _done("stop", name, folder, "stopped")


def restarted(name: str, folder: str) -> dict[str, Any]:
    """
    Restart what runs of a project, every time.

    .. code-block:: yaml

        mip-ui-restarted:
          mip_project.restarted:
            - name: mipfederation
            - folder: /opt/mip-deployment/Federation

    name
        The project's.

    folder
        Where its docker-compose.yml lies.
    """
    return _done("restart", name, folder, "restarted")


def _done(what: str, name: str, folder: str, word: str) -> dict[str, Any]:
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        if __opts__["test"]:
            found = sorted(__salt__["mip_project.running"](name, folder))
        else:
            found = __salt__[f"mip_project.{what}"](name, folder)
    except CommandExecutionError as err:
        return {**ret, "comment": f"The project {name} is not {word}: {err}"}
    if not found and what == "restart":
        return {**ret, "comment": f"Nothing of the project {name} runs: start it"}
    if not found:
        return {**ret, "result": True, "comment": "Already so."}
    ret["changes"] = {service: {"old": "runs", "new": word} for service in found}
    told = ", ".join(found)
    if __opts__["test"]:
        return {**ret, "result": None, "comment": f"Would be {word}: {told}."}
    return {**ret, "result": True, "comment": f"{word.capitalize()}: {told}."}

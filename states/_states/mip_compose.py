"""
Have a compose that runs, version 2 where the release offers it; and one project that is up.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_compose"


def __virtual__() -> str:
    return __virtualname__


def installed(name: str, packages: list[str]) -> dict[str, Any]:
    """
    Install a compose, unless one runs already. Apt is asked only then.

    .. code-block:: yaml

        mip-compose-installed:
          mip_compose.installed:
            - name: compose
            - packages: [docker-compose-plugin, docker-compose-v2, docker-compose]

    name
        Only a name.

    packages
        The packages that hold one, best first: the first that apt offers is installed.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        found = __salt__["mip_compose.find"]()
        if found["version"]:
            return {**ret, "result": True, "comment": f"Already so: {found['command']} {found['version']} runs."}
        unread = "" if __opts__["test"] else __salt__["mip_apt.refresh"]()
        offered = __salt__["mip_apt.candidates"](*packages)
        chosen = next((package for package in packages if package in offered), "")
        if __opts__["test"]:
            ret["changes"] = {chosen or "compose": {"old": "", "new": offered.get(chosen, "whatever apt then offers")}}
            return {**ret, "result": None, "comment": "A compose would be installed."}
        if not chosen:
            why = f"It says: {unread}. Look at" if unread else "Look at"
            raise CommandExecutionError(f"apt on the node offers none of {', '.join(packages)}. {why} /etc/apt there")
        ret["changes"] = __salt__["mip_apt.install"](chosen)
        found = __salt__["mip_compose.find"]()
        if not found["version"]:
            raise CommandExecutionError(f"{chosen} was installed, and does not run: try docker-compose version there")
    except CommandExecutionError as err:
        return {**ret, "comment": f"There is no compose: {err}"}
    return {**ret, "result": True, "comment": f"Installed: {found['command']} {found['version']}, from {chosen}."}


def up(name: str, folder: str, compose: str | None = None, env: list[str] | None = None) -> dict[str, Any]:
    """
    Have a compose project run as its files say; a service that does is left alone.

    .. code-block:: yaml

        mip-ui-up:
          mip_compose.up:
            - name: mipfederation
            - folder: /opt/mip-deployment/Federation

    name
        The project's.

    folder
        Where its docker-compose.yml and .env lie.

    compose, env
        What these are to hold by then, the latter line by line: a trial changes no file, and tells what they would do.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        if not __opts__["test"]:
            ret["changes"] = __salt__["mip_compose.up"](name, folder)
        elif Path(folder).is_dir() and (compose is not None or Path(folder, "docker-compose.yml").exists()):
            lines = None if env is None else "".join(f"{line}\n" for line in env)
            ret["changes"] = __salt__["mip_compose.check"](name, folder, compose, lines)
        else:
            ret["changes"] = {name: {"old": "", "new": "started"}}
    except CommandExecutionError as err:
        if __opts__["test"]:
            ret["changes"] = {name: {"old": "", "new": "started"}}
            return {**ret, "result": None, "comment": f"It would be started; now {err}."}
        return {**ret, "comment": f"The project {name} does not run: {err}"}
    if ret["changes"] and __opts__["test"]:
        anew = ", ".join(one for one, change in ret["changes"].items() if change["new"] == "made anew")
        begun = ", ".join(one for one, change in ret["changes"].items() if change["new"] != "made anew")
        told = [f"Would be started: {begun}."] if begun else []
        told += [f"Would be RESTARTED, with other settings: {anew}; nothing else of it."] if anew else []
        return {**ret, "result": None, "comment": " ".join(told)}
    told = ", ".join(ret["changes"])
    return {**ret, "result": True, "comment": f"Started: {told}." if told else "Already so."}

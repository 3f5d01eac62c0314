"""
Have a Docker engine that is safe and runs; one that is there already stays, wherever it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_docker"
FLOOR = "the safe floor, 20.10.24 of the 20.10 line and 23.0.3 above (CVE-2023-28840: networks may not be encrypted)"


def __virtual__() -> str:
    return __virtualname__


def installed(name: str, packages: list[str], optional: list[str] | None = None) -> dict[str, Any]:
    """
    Install a Docker engine, unless the node has one. Apt is asked only then.

    .. code-block:: yaml

        mip-docker-installed:
          mip_docker.installed:
            - name: docker.io
            - packages: [docker.io]
            - optional: [docker-cli]

    An engine below the safe floor is a failure, whether it is there or would be installed.

    name
        The package that the engine is in; its version is what is compared.

    packages
        All packages to install.

    optional
        Packages to install too where the release has them.
    """
    ret = _return(name)
    try:
        found = __salt__["mip_docker.engine"]()
        if found["there"]:
            return _judged(ret, found) or _ok(ret, f"Already so: {_told(found)}.")
        if __opts__["test"]:
            version = __salt__["mip_apt.candidates"](name).get(name)
            ret["changes"] = {name: {"old": "", "new": version or "whatever apt then offers"}}
            note = f" Mind: {_low(name, version)}" if version and not __salt__["mip_docker.safe"](version) else ""
            return {**ret, "result": None, "comment": f"A Docker engine would be installed.{note}"}
        unread = __salt__["mip_apt.refresh"]()
        offered = __salt__["mip_apt.candidates"](*packages, *(optional or []))
        missing = [package for package in packages if package not in offered]
        if missing:
            why = f"It says: {unread}. Look at" if unread else "Look at"
            raise CommandExecutionError(f"apt on the node offers no {', '.join(missing)}. {why} /etc/apt there")
        if not __salt__["mip_docker.safe"](offered[name]):
            raise CommandExecutionError(_low(name, offered[name]))
        chosen = [*packages, *(package for package in optional or [] if package in offered)]
        ret["changes"] = __salt__["mip_apt.install"](*chosen)
    except CommandExecutionError as err:
        return {**ret, "comment": f"There is no Docker engine as it should be: {err}"}
    return _ok(ret, f"Installed: {name} {offered[name]}.")


def running(name: str) -> dict[str, Any]:
    """
    Have the engine run, now and after a reboot, at or above the safe floor.

    .. code-block:: yaml

        mip-docker-running:
          mip_docker.running:
            - name: docker

    name
        Only a name.
    """
    ret = _return(name)
    try:
        found = __salt__["mip_docker.engine"]()
        if not found["there"] and not __opts__["test"]:
            raise CommandExecutionError("none is installed")
        if found["version"] is None:
            if found["there"] and not __salt__["mip_docker.has_unit"]():
                raise CommandExecutionError(
                    "it is stopped, and not docker.service's (a snap's, a tarball's?): start it by its own means, as "
                    "snap start --enable docker, then apply again"
                )
            ret["changes"]["engine"] = {"old": "stopped", "new": "running"}
        elif not __salt__["mip_docker.enabled"]():
            ret["changes"]["at boot"] = {"old": "stays off", "new": "starts"}
        if ret["changes"] and not __opts__["test"]:
            found = __salt__["mip_docker.start"]()
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"The Docker engine does not run as it should: {err}"}
    if found["version"] and (bad := _judged(ret, found)):
        return bad
    if not ret["changes"]:
        return _ok(ret, f"Already so: {_told(found)}.")
    if __opts__["test"]:
        return {**ret, "result": None, "comment": "The engine would be started, and start at every boot."}
    return _ok(ret, f"Started: {_told(found)}.")


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}


def _told(found: dict[str, Any]) -> str:
    return f"Docker engine {found['version']} runs" if found["version"] else "a Docker engine is here"


def _judged(ret: dict[str, Any], found: dict[str, Any]) -> dict[str, Any] | None:
    """Return the failure of an engine below the floor."""
    if found["safe"] is not False:
        return None
    how = "Upgrade it where it came from, then apply again; mip-salt never replaces an engine that is there."
    return {**ret, "comment": f"Docker engine {found['version']} is below {FLOOR}. {how}"}


def _low(name: str, version: str) -> str:
    return (
        f"{name} {version}, which apt on the node offers, is below {FLOOR}. Enable the release's -updates and "
        "-security suites in /etc/apt there (Ubuntu 20.04 and 22.04 are safe only with them), or set "
        "docker: {source: docker-ce}"
    )

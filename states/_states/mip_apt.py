"""
Have a repository that apt knows, signed by the one key that is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_apt"


def __virtual__() -> str:
    return __virtualname__


def repository(name: str, url: str, suite: str, component: str, key: str, package: str) -> dict[str, Any]:
    """
    Give apt a repository for a package, unless apt on the node offers that package already.

    .. code-block:: yaml

        mip-docker-repository:
          mip_apt.repository:
            - name: mip-docker
            - url: https://mirror.hospital.example/docker/debian
            - suite: bookworm
            - component: stable
            - key: 9DC858229FC7DD38854AE2D88D81803C0EBFCD88
            - package: docker-ce

    What somebody else added stays the only one: of two for the same place, with a key each, apt reads none at all.

    name
        Of its files: /etc/apt/sources.list.d/NAME.list and /etc/apt/keyrings/NAME.gpg.

    url, suite, component
        As in sources.list(5).

    key
        The fingerprint of the key that signs it; the key itself is downloaded from URL/gpg, and any other refused.

    package
        What it is for.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        wanted = {"line": __salt__["mip_apt.line"](name, url, suite, component), "key": key}
        found = __salt__["mip_apt.repository"](name)
        if found == wanted:
            return {**ret, "result": True, "comment": f"Already so: {url}, signed by {key}."}
        if not found["line"] and (offered := __salt__["mip_apt.candidates"](package)):
            comment = f"Already so: apt on the node offers {package} {offered[package]}, from a repository of its own."
            return {**ret, "result": True, "comment": comment}
        ret["changes"] = {
            part: {"old": found[part], "new": wanted[part]} for part in wanted if found[part] != wanted[part]
        }
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{url} would be added, if its key is {key}."}
        __salt__["mip_apt.add_repository"](name, url, suite, component, key)
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"There is no repository for {package}: {err}"}
    return {**ret, "result": True, "comment": f"Added: {url}, signed by {key}."}

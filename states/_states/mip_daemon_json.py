"""
Keep keys in the Docker engine's daemon.json, beside whatever else it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_daemon_json"


def __virtual__() -> str:
    return __virtualname__


def merged(name: str, keys: dict[str, Any]) -> dict[str, Any]:
    """
    Merge keys into daemon.json, and restart a running engine only if something differs.

    .. code-block:: yaml

        mip-docker-daemon-json-merged:
          mip_daemon_json.merged:
            - name: /etc/docker/daemon.json
            - keys: {log-driver: local}

    There is no state that takes them away again: a key whose value is null is removed.

    name
        Only a name: the file is the engine's.

    keys
        Keys and their values; a mapping is merged key by key, a list is replaced, null removes a key.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        if __opts__["test"]:
            changes = __salt__["mip_daemon_json.check"](keys)
            if __salt__["mip_daemon_json.restart_due"]():
                changes["engine"] = {"old": "not restarted since daemon.json changed", "new": "restarted"}
            if changes:
                comment = f"Would be merged: {', '.join(changes)}. A running engine would be restarted."
                return {**ret, "changes": changes, "result": None, "comment": comment}
            done = {"changes": {}, "restarted": False}
        else:
            done = __salt__["mip_daemon_json.merge"](keys)
    except CommandExecutionError as err:
        return {**ret, "comment": f"daemon.json is not as it should be: {err}"}
    ret.update(changes=done["changes"], result=True)
    if done["restarted"]:
        ret["changes"] = {**ret["changes"], "engine": {"old": "running", "new": "restarted"}}
    ret["comment"] = f"Merged: {', '.join(ret['changes'])}." if ret["changes"] else "Already so."
    return ret

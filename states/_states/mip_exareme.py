"""
Have exareme's master itself say that nodes take part.
"""

from __future__ import annotations

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


def healthy(name: str, nodes: list[str], timeout: float = 300) -> dict[str, Any]:
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
    """
    ret = _return(name)
    end = time.monotonic() + (0 if __opts__["test"] else float(timeout))
    while True:
        found = __salt__["mip_exareme.health"](name)
        missing = sorted(set(nodes) - set(found["active"]))
        if not missing:
            return _ok(ret, f"Take part: {', '.join(found['active'])}.")
        if time.monotonic() >= end or not any(_runs(node) for node in missing):
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


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}

"""
Have services of the swarm start anew, or have ended.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_service"
PAUSE = 0.5


def __virtual__() -> str:
    return __virtualname__


def anew(name: str, timeout: float = 600) -> dict[str, Any]:
    """
    Make the tasks of a stack, or of one service, anew, every time; wait until the new ones run.

    .. code-block:: yaml

        mip-stacks-wk1-anew:
          mip_service.anew:
            - name: brain-wk1
            - timeout: 600

    name
        The stack's, or a service's that is in none.

    timeout
        Seconds to wait.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        services = __salt__["mip_service.names"](name) or ([name] if __salt__["mip_service.find"](name) else [])
        if not services:
            raise CommandExecutionError("it is not there: start it")
        if __opts__["test"]:
            ret["changes"] = {service: {"old": "runs", "new": "made anew"} for service in services}
            return {**ret, "result": None, "comment": f"Would be made anew: {', '.join(services)}."}
        found = __salt__["mip_service.anew"](services, timeout)
    except CommandExecutionError as err:
        return {**ret, "comment": f"{name} is not made anew: {err}"}
    ret["changes"] = {service: {"old": "runs", "new": "made anew"} for service in found["done"]}
    if found["why"]:
        return {**ret, "comment": f"Not all of {name} runs anew after {timeout:g} s: {found['why']}"}
    return {**ret, "result": True, "comment": f"Made anew, and runs: {', '.join(services)}."}


def ended(name: str, timeout: float = 60) -> dict[str, Any]:
    """
    Have no container of a stack left on any node, and wait for it.

    .. code-block:: yaml

        mip-stacks-wk1-ended:
          mip_service.ended:
            - name: brain-wk1
            - require:
              - mip_stack: mip-stacks-wk1-absent

    name
        The stack's.

    timeout
        Seconds to wait. A node whose engine the manager does not reach ends its containers once it is back.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    end = time.monotonic() + (0 if __opts__["test"] else float(timeout))
    while True:
        try:
            if __opts__["test"] and __salt__["mip_service.names"](name):
                return {**ret, "result": True, "comment": "It would be waited for, once its services are removed."}
            found = __salt__["mip_service.left"](name)
        except CommandExecutionError as err:
            return {**ret, "comment": f"Whether {name} has ended is not known: {err}"}
        if not found:
            return {**ret, "result": True, "comment": "Nothing of it runs."}
        if time.monotonic() >= end:
            break
        time.sleep(PAUSE)
    told = "; ".join(found[:5])
    if __opts__["test"]:
        return {**ret, "result": None, "changes": {name: {"old": told, "new": "ended"}}, "comment": f"Now: {told}."}
    how = "A node that is down ends its containers once its engine finds the manager again"
    return {**ret, "comment": f"Not ended after {timeout:g} s: {told}. {how}"}

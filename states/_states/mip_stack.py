"""
Have a compose file run as a stack of the swarm; nothing is restarted that is right already.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_stack"


def __virtual__() -> str:
    return __virtualname__


def deployed(name: str, compose: str, env: dict[str, str], resolve: str = "changed") -> dict[str, Any]:
    """
    Have a stack be what a compose file says.

    .. code-block:: yaml

        mip-stacks-wk1-deployed:
          mip_stack.deployed:
            - name: brain-wk1
            - compose: /opt/mip/Compose-Files/docker-compose-worker.yml
            - env: {FEDERATION_NODE: brain-wk1}

    One that runs already with the same specification, whoever deployed it, is adopted without a restart.

    name
        The stack's; its services are called name_service, so it has no dots.

    compose
        Path of the compose file, on the manager.

    env
        The variables that it names; never secrets.

    resolve
        When a registry is asked which image a name means: ``changed``, ``always`` or ``never``.
    """
    ret = _return(name)
    try:
        if "." in name:
            raise CommandExecutionError(
                "a stack's name, which is the node's hostname, has no dots: give it a short one"
            )
        if __opts__["test"]:
            if not Path(compose).exists():
                ret["changes"] = {name: {"old": "", "new": "deployed"}}
                return {**ret, "result": None, "comment": f"It would be deployed, once {compose} is there."}
            found = __salt__["mip_stack.check"](name, compose, env)
            if found:
                ret["changes"] = {full: {"old": one["old"], "new": one["new"]} for full, one in found.items()}
                return {**ret, "result": None, "comment": _trial(found)}
        else:
            for full, change in __salt__["mip_stack.deploy"](name, compose, env, resolve).items():
                how = ", restarted" if change["restarts"] else ""
                ret["changes"][full] = {"old": change["old"], "new": f"{change['new']}{how}"}
    except CommandExecutionError as err:
        if __opts__["test"] and "." not in name:
            ret["changes"] = {name: {"old": "", "new": "deployed"}}
            return {**ret, "result": None, "comment": f"It would be deployed; now {err}."}
        return {**ret, "comment": f"The stack {name} is not deployed: {err}"}
    if not ret["changes"]:
        return _ok(ret, "Already so.")
    restarted = [full for full, change in ret["changes"].items() if change["new"].endswith("restarted")]
    how = f"restarted: {', '.join(restarted)}" if restarted else "nothing that ran was restarted"
    return _ok(ret, f"Deployed: {', '.join(ret['changes'])}; {how}.")


def running(name: str, timeout: float = 600) -> dict[str, Any]:
    """
    Have every task of a stack run, and wait for it.

    .. code-block:: yaml

        mip-stacks-wk1-running:
          mip_stack.running:
            - name: brain-wk1
            - timeout: 600

    A task for which swarm finds no node, although there is one again, is tried anew.

    name
        The stack's.

    timeout
        Seconds to wait; the first time the image is pulled meanwhile.
    """
    ret = _return(name)
    try:
        found = __salt__["mip_stack.wait"](name, 0 if __opts__["test"] else timeout)
    except CommandExecutionError as err:
        found = {"wanted": 0, "running": 0, "why": [str(err)], "tried anew": []}
    for full in found["tried anew"]:
        ret["changes"][full] = {"old": "no node found for it", "new": "tried anew"}
    counts = f"{found['running']} of {found['wanted']} tasks run"
    if found["wanted"] and found["running"] >= found["wanted"]:
        return _ok(ret, f"{'Now' if ret['changes'] else 'Already'} so: {counts}.")
    why = "; ".join(found["why"][:5]) or "why is not known"
    if __opts__["test"]:
        ret["changes"] = {name: {"old": counts, "new": "all of them"}}
        return {**ret, "result": None, "comment": f"It would be waited for: {counts}: {why}."}
    how = (
        "Where it is still preparing, its image is being pulled: apply again later. See docker service ps on the master"
    )
    return {**ret, "comment": f"{counts} after {timeout:g} s: {why}. {how}"}


def absent(name: str) -> dict[str, Any]:
    """
    Have a stack's services not be there; networks, volumes and data stay.

    .. code-block:: yaml

        mip-stacks-old-absent:
          mip_stack.absent:
            - name: brain-wk3

    name
        The stack's.
    """
    ret = _return(name)
    try:
        found = __salt__["mip_stack.services"](name)
        if not found:
            return _ok(ret, "Already so.")
        ret["changes"] = {full: {"old": "deployed", "new": ""} for full in found}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"Would be removed: {', '.join(found)}."}
        __salt__["mip_stack.remove"](name)
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"The stack {name} is still there: {err}"}
    return _ok(ret, f"Removed: {', '.join(found)}.")


def _trial(found: dict[str, Any]) -> str:
    """Tell what a deploy would do to each service: what is there already, and whether it would be restarted."""
    told: dict[str, list[str]] = {}
    for full, one in found.items():
        if one["old"] is None:
            told.setdefault("Would be deployed", []).append(full)
        elif one["why"]:
            told.setdefault("Would be RESTARTED", []).append(f"{full} ({'; '.join(one['why'])})")
        elif one["old"] == "not by mip-salt":
            told.setdefault("Would be taken over as it runs, without a restart", []).append(full)
        else:
            told.setdefault("Would be deployed again, without a restart", []).append(full)
    return " ".join(f"{what}: {', '.join(services)}." for what, services in told.items())


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}

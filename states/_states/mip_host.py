"""
Refuse to touch a machine that is not the one the operator confirmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_host"
WORDS = {"hostname": "hostname", "machine_id": "machine-id"}


def __virtual__() -> str:
    return __virtualname__


def verified(name: str, hostname: str | None, machine_id: str | None) -> dict[str, Any]:
    """
    Fail unless this is the confirmed machine. It changes nothing, so ``test=True`` makes no difference.

    Let it be the first of every run, and the end of it if it fails:

    .. code-block:: yaml

        mip-host-verified:
          mip_host.verified:
            - name: wk1
            - hostname: brain-wk1
            - machine_id: 104a81cbac7c46d7a67f2a2d8553ec55
            - order: 1
            - failhard: true

    name
        The node's id, as the operator knows it.

    hostname
        Its confirmed hostname, out of the vault.

    machine_id
        Its confirmed machine-id, out of the vault.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    again = f"mip-salt configure --node {name}"
    if not hostname or not machine_id:
        ret["comment"] = f"this node's identity is not in the vault: run {again}"
        return ret
    try:
        found = __salt__["mip_host.verify"](hostname, machine_id)
    except CommandExecutionError as err:
        ret["comment"] = f"Which machine this is cannot be told: {err}"
        return ret
    if found["same"]:
        ret.update(result=True, comment=f"This is the confirmed machine, {hostname}.")
        return ret
    wrong = " and ".join(
        f"its {WORDS[what]} is {two['found'] or 'empty'}, confirmed was {two['confirmed']}"
        for what, two in found["differences"].items()
    )
    ret["comment"] = (
        f"This is not the confirmed machine: {wrong}. Nothing else is done here. If it was reinstalled or renamed on "
        f"purpose, confirm it again: {again}"
    )
    return ret

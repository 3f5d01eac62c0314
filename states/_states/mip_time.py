"""
Have the node's clock kept right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_time"


def __virtual__() -> str:
    return __virtualname__


def synchronised(name: str) -> dict[str, Any]:
    """
    Have an NTP daemon run: the one that is there, of whatever kind, as it is configured; else a new one.

    .. code-block:: yaml

        mip-time-synchronised:
          mip_time.synchronised:
            - name: chrony

    In a container the clock is the host's, so nothing is done there.

    name
        The package to install where there is no NTP daemon.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        found = __salt__["mip_time.keeper"]()
        if found["container"]:
            comment = f"In a container ({found['container']}) the clock is the host's: nothing to do here."
            return {**ret, "result": True, "comment": comment}
        if found["active"]:
            return {**ret, "result": True, "comment": f"Already so: {found['unit']} keeps the clock."}
        if found["masked"]:
            raise CommandExecutionError(
                f"{found['unit']} is masked: systemctl unmask {found['unit']}, or set time_sync: false"
            )
        ret["changes"] = {found["unit"] or name: {"old": "stopped" if found["unit"] else "", "new": "running"}}
        if __opts__["test"]:
            how = "started" if found["unit"] else "installed"
            return {**ret, "result": None, "comment": f"{found['unit'] or name} would be {how}."}
        if not found["unit"]:
            __salt__["mip_apt.refresh"]()
            __salt__["mip_apt.install"](name)
            found = __salt__["mip_time.keeper"]()
        if not found["active"]:
            __salt__["mip_time.start"](found["unit"] or f"{name}.service")
            found = __salt__["mip_time.keeper"]()
        if not found["active"]:
            # systemd starts nothing, and says so to nobody, where a condition of the unit does not hold.
            unit = found["unit"] or name
            raise CommandExecutionError(f"{unit} was started and does not run (see: systemctl status {unit})")
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"Nobody keeps the clock: {err}"}
    return {**ret, "result": True, "comment": f"{found['unit']} keeps the clock now."}

"""
Have the network that a federation's services talk over, and a kernel that can encrypt it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_swarm_network"


def __virtual__() -> str:
    return __virtualname__


def encryptable(name: str) -> dict[str, Any]:
    """
    Hold that this kernel can encrypt what goes between the nodes; nothing is changed.

    .. code-block:: yaml

        mip-swarm-encryptable:
          mip_swarm_network.encryptable:
            - name: mip-federation

    Without it an encrypted network is made all the same, and only fails between nodes, by timeouts (measured, 20.10).

    name
        The network's name.
    """
    found = __salt__["mip_swarm_network.esp"]()
    if found["possible"]:
        return _ok(_return(name), "Already so: the kernel can encrypt it.")
    how = (
        "Boot a kernel that has ESP (module esp4), as the distribution's own has. Only where nothing confidential goes "
        "over it: settings: {swarm: {encrypted: false}}"
    )
    return {
        **_return(name),
        "comment": f"This node's kernel cannot encrypt the network {name}: {found['why'].rstrip('.')}. {how}",
    }


def present(name: str, subnet: str, gateway: str, encrypted: bool = True, mtu: int = 0) -> dict[str, Any]:
    """
    Have the overlay network that the federation's services talk over. One that is there is never changed or removed.

    .. code-block:: yaml

        mip-swarm-network:
          mip_swarm_network.present:
            - name: mip-federation
            - subnet: 10.20.30.0/24
            - gateway: 10.20.30.254

    name, subnet, gateway, encrypted, mtu
        What it is to be; an mtu of 0 takes any.
    """
    ret = _return(name)
    want = {"driver": "overlay", "subnet": subnet, "gateway": gateway, "encrypted": encrypted, "mtu": mtu}
    try:
        have = __salt__["mip_swarm_network.find"](name)
        if have:
            given = {**have, "mtu": mtu} if not mtu else have
            if given == want:
                return _ok(ret, f"Already so: {_told(have)}.")
            raise CommandExecutionError(
                f"one of that name is there with {_told(have)}, and wanted is {_told(want)}. It stays as it is: change "
                f"the settings to it; or stop what uses it, and docker network rm {name} on the master"
            )
        ret["changes"] = {name: {"old": "none", "new": _told(want)}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"It would be made: {_told(want)}."}
        __salt__["mip_swarm_network.create"](name, subnet, gateway, encrypted, mtu)
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"The network {name} is not as it should be: {err}"}
    return _ok(ret, f"Made: {_told(want)}.")


def _told(network: dict[str, Any]) -> str:
    mtu = f", mtu {network['mtu']}" if network["mtu"] else ""
    how = "encrypted" if network["encrypted"] else "NOT encrypted"
    return f"{network['driver']} {network['subnet']}, gateway {network['gateway']}, {how}{mtu}"


def _return(name: str) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _ok(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    return {**ret, "result": True, "comment": comment}

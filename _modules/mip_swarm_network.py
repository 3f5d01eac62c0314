"""
Know and make the network that a federation's services talk over, and whether this node's kernel can encrypt it.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. A network that is there is
never changed or removed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_swarm_network"

TOOLS = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
# A security association between two addresses that are nobody's (RFC 5737).
ESP = ["src", "192.0.2.1", "dst", "192.0.2.2", "proto", "esp", "spi", "0x6d6970"]
CIPHER = ["mode", "transport", "aead", "rfc4106(gcm(aes))", "0x" + "00" * 20, "64"]


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_swarm_network knows Docker's engine on Linux"
    return __virtualname__


def find(name: str) -> dict[str, Any] | None:
    """
    Return a network's ``driver``, ``subnet``, ``gateway``, ``encrypted`` and ``mtu``; None if there is none.

    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_network.find mip-federation
    """
    found = [one for one in _call("GET", "/networks") if one["Name"] == name]
    if not found:
        return None
    options = found[0].get("Options") or {}
    ranges = (found[0].get("IPAM") or {}).get("Config") or [{}]
    return {
        "driver": found[0].get("Driver"),
        "subnet": ranges[0].get("Subnet"),
        "gateway": ranges[0].get("Gateway"),
        "encrypted": "encrypted" in options and options["encrypted"] != "false",
        "mtu": int(options.get("com.docker.network.driver.mtu") or 0),
    }


def create(name: str, subnet: str, gateway: str, encrypted: bool, mtu: int = 0) -> None:
    """
    Create an overlay network for the swarm's services, on the manager.

    name
        Its name.

    subnet, gateway
        IPv4, like 10.20.30.0/24 and 10.20.30.254.

    encrypted
        Whether what goes between nodes is encrypted (ESP).

    mtu
        Bytes of its largest packet; 0 leaves it to the engine.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm_network.create mip-federation 10.20.30.0/24 10.20.30.254 True
    """
    options = {"encrypted": ""} if encrypted else {}
    if mtu:
        options["com.docker.network.driver.mtu"] = str(mtu)
    _call(
        "POST",
        "/networks/create",
        {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": "overlay",
            "Attachable": False,
            "Options": options,
            "IPAM": {"Driver": "default", "Config": [{"Subnet": subnet, "IPRange": subnet, "Gateway": gateway}]},
        },
    )


def esp() -> dict[str, Any]:
    """
    Try whether this kernel can encrypt a network as the engine asks it to: ``possible``, and ``why`` not.

    A security association between two addresses that are nobody's is made, and removed again.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm_network.esp
    """
    tool = shutil.which("ip", path=TOOLS)
    if not tool:
        return {"possible": False, "why": "there is no ip (package iproute2), so it cannot be tried"}
    why = _ip(tool, "xfrm", "state", "add", *ESP, *CIPHER)
    if why and "File exists" not in why:
        return {"possible": False, "why": why}
    _ip(tool, "xfrm", "state", "delete", *ESP)
    return {"possible": True, "why": ""}


def _call(method: str, path: str, body: Any = None) -> Any:
    return __salt__["mip_engine.call"](method, path, body)


def _ip(tool: str, *words: str) -> str:
    """Run ip; return why it failed, or nothing."""
    try:
        done = subprocess.run([tool, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        return getattr(err, "strerror", "") or "ip does not answer"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (said[-1][:200] if said else f"ip exits with {done.returncode}") if done.returncode else ""

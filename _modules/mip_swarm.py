"""
Know and shape the Docker Swarm that a federation runs on: its manager, its workers, its network.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. Nothing here removes what it
did not make, and the secret that lets a worker join is in no command line, comment or error.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_swarm"

PORT = 2377
# Seconds until a change of the swarm has come through, and for a node that is down to be back if it is just booting.
SETTLE, BOOT = 40, 10
PAUSE = 0.3
TOOLS = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
# A security association between two addresses that are nobody's (RFC 5737).
ESP = ["src", "192.0.2.1", "dst", "192.0.2.2", "proto", "esp", "spi", "0x6d6970"]
CIPHER = ["mode", "transport", "aead", "rfc4106(gcm(aes))", "0x" + "00" * 20, "64"]


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_swarm knows Docker's engine on Linux"
    return __virtualname__


def info() -> dict[str, Any]:
    """
    Say which swarm this node is in, as its own engine sees it.

    Returns ``state`` (``inactive``, ``pending``, ``active``, ``error``, ``locked``), ``node_id``, ``address`` (what it
    advertises), ``manager`` (whether it is one), ``error``, ``cluster`` (a manager's swarm) and ``managers``, each
    manager's address by its id. A node that the manager removed still says ``active``: only the manager knows.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm.info
    """
    told = _call("GET", "/info").get("Swarm") or {}
    return {
        "state": told.get("LocalNodeState") or "inactive",
        "node_id": told.get("NodeID") or "",
        "address": told.get("NodeAddr") or "",
        "manager": bool(told.get("ControlAvailable")),
        "error": told.get("Error") or "",
        "cluster": (told.get("Cluster") or {}).get("ID") or "",
        "managers": {one["NodeID"]: one["Addr"].rpartition(":")[0] for one in told.get("RemoteManagers") or []},
    }


def init(address: str) -> dict[str, Any]:
    """
    Make this node the manager of a swarm of its own, and return what :py:func:`info` then says.

    address
        Where the workers reach it.

    Raises CommandExecutionError if the engine refuses, or is not done in time.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.init 10.0.0.11
    """
    _call("POST", "/swarm/init", {"ListenAddr": f"0.0.0.0:{PORT}", "AdvertiseAddr": address, "Spec": {}})
    return _settled("active")


def join(manager: str, address: str, token: str) -> dict[str, Any]:
    """
    Join the swarm of a manager as a worker, and return what :py:func:`info` then says.

    manager
        Its address.

    address
        Where the others reach this node.

    token
        The secret from :py:func:`token`; mip-salt alone hands it over, in memory.

    Raises CommandExecutionError if it does not come about.

    CLI Example:

    .. code-block:: bash

        mip-salt -f brain apply
    """
    try:
        _call(
            "POST",
            "/swarm/join",
            {
                "ListenAddr": f"0.0.0.0:{PORT}",
                "AdvertiseAddr": address,
                "DataPathAddr": address,
                "RemoteAddrs": [f"{manager}:{PORT}"],
                "JoinToken": token,
            },
        )
    except CommandExecutionError as err:
        # The engine may go on trying for ever with what failed once.
        if info()["state"] in ("pending", "error"):
            with contextlib.suppress(CommandExecutionError):
                leave()
        raise CommandExecutionError(f"{err} (is {manager} port {PORT}/tcp open to this node?)") from err
    return _settled("active")


def leave() -> dict[str, Any]:
    """
    Leave the swarm as a worker, with every container of it on this node, and return what :py:func:`info` then says.

    Raises CommandExecutionError on a manager: the swarm would be lost.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm.leave
    """
    if info()["manager"]:
        raise CommandExecutionError("this node is the manager, and its swarm would be lost")
    _call("POST", "/swarm/leave?force=true")
    return _settled("inactive")


def token() -> dict[str, Any]:
    """
    Return on the manager what a worker needs to join.

    Returns ``token``, which is secret and good until :py:func:`rotate`, ``manager_id`` and ``known``, the ids of the
    nodes in the swarm.

    CLI Example:

    .. code-block:: bash

        mip-salt -f brain apply
    """
    secret = _call("GET", "/swarm")["JoinTokens"]["Worker"]
    return {"token": secret, "manager_id": info()["node_id"], "known": [node["id"] for node in nodes()]}


def rotate() -> bool:
    """
    Make the secret by which workers join worthless, on the manager; those that joined stay.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.rotate
    """
    told = _call("GET", "/swarm")
    _call("POST", f"/swarm/update?version={told['Version']['Index']}&rotateWorkerToken=true", told["Spec"])
    return True


def nodes() -> list[dict[str, Any]]:
    """
    Return on the manager all nodes of the swarm: ``id``, ``hostname``, ``address``, ``state``, ``role``, ``labels``,
    ``availability``.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.nodes
    """
    return [
        {
            "id": node["ID"],
            "hostname": node["Description"].get("Hostname", ""),
            "address": node["Status"].get("Addr", ""),
            "state": node["Status"]["State"],
            "role": node["Spec"]["Role"],
            "availability": node["Spec"]["Availability"],
            "labels": node["Spec"].get("Labels") or {},
        }
        for node in _call("GET", "/nodes")
    ]


def find(hostname: str, wait: float = 0) -> dict[str, Any]:
    """
    Return on the manager the one live node of a hostname as ``node``, and the ids of ``dead`` ones beside it.

    hostname
        As the node's engine tells it.

    wait
        Seconds to wait until exactly one is live: one that left still counts until its heartbeats are missed.

    Raises CommandExecutionError if there is none, or more than one.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.find brain-wk1
    """
    begun = time.monotonic()
    end = begun + float(wait)
    while True:
        same = of(hostname)
        live = [node for node in same if node["state"] != "down"]
        ready = len(live) == 1 and live[0]["state"] == "ready"
        # Two are live while one that left is not missed yet; where none is, one that just boots is all that can come.
        if not live:
            end = min(end, begun + BOOT)
        if ready or not same or time.monotonic() >= end:
            break
        time.sleep(PAUSE)
    if not ready:
        told = ", ".join(f"{node['id']} at {node['address']} is {node['state']}" for node in same)
        raise CommandExecutionError(
            f"{len(live)} nodes of that hostname are live in it: {told}"
            if same
            else "no node of that hostname joined it"
        )
    return {"node": live[0], "dead": [node["id"] for node in same if node["state"] == "down"]}


def of(hostname: str) -> list[dict[str, Any]]:
    """
    Return on the manager every node of a hostname, dead or alive.

    hostname
        As the node's engine tells it.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.of brain-wk1
    """
    return [node for node in nodes() if node["hostname"] == hostname]


def set_node(node_id: str, labels: dict[str, str], availability: str) -> None:
    """
    Give a node labels beside those it has, and an availability, on the manager.

    node_id
        From :py:func:`nodes`.

    labels
        Labels and their values.

    availability
        ``active``, ``pause`` or ``drain``.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.set_node ID '{"name": "brain-wk1"}' active
    """
    told = _call("GET", f"/nodes/{node_id}")
    spec = {**told["Spec"], "Labels": {**(told["Spec"].get("Labels") or {}), **labels}, "Availability": availability}
    _call("POST", f"/nodes/{node_id}/update?version={told['Version']['Index']}", spec)


def forget(node_id: str) -> None:
    """
    Take a dead node off the manager's list; the engine refuses for a live one.

    node_id
        From :py:func:`nodes`.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.forget ID
    """
    _call("DELETE", f"/nodes/{node_id}")


def network(name: str) -> dict[str, Any] | None:
    """
    Return a network's ``driver``, ``subnet``, ``gateway``, ``encrypted`` and ``mtu``; None if there is none.

    name
        Its name.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_swarm.network mip-federation
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


def create_network(name: str, subnet: str, gateway: str, encrypted: bool, mtu: int = 0) -> None:
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

        salt-ssh ms mip_swarm.create_network mip-federation 10.20.30.0/24 10.20.30.254 True
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

        salt-ssh wk1 mip_swarm.esp
    """
    tool = shutil.which("ip", path=TOOLS)
    if not tool:
        return {"possible": False, "why": "there is no ip (package iproute2), so it cannot be tried"}
    why = _ip(tool, "xfrm", "state", "add", *ESP, *CIPHER)
    if why and "File exists" not in why:
        return {"possible": False, "why": why}
    _ip(tool, "xfrm", "state", "delete", *ESP)
    return {"possible": True, "why": ""}


def own_address(address: str = "", towards: str = "") -> str:
    """
    Return the IP address at which others reach this node.

    address
        What the pusher reaches it at: that, if it is an IP address of this node, or no address but a name is known.

    towards
        Address of the node that must reach it; empty for whichever the default route leads to.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm.own_address brain-wk1.chuv.ch 10.0.0.11
    """
    with contextlib.suppress(ValueError):
        given = ipaddress.ip_address(address)
        if not (given.is_loopback or given.is_link_local):
            return address
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((towards or "192.0.2.1", PORT))  # chooses a route, and sends nothing
        found = str(probe.getsockname()[0])
        if not ipaddress.ip_address(found).is_loopback:
            return found
    raise CommandExecutionError(
        f"which of this node's addresses the others reach is not known: {address or 'its address'} is none, and no "
        f"route leads to {towards or 'them'}"
    )


def _call(method: str, path: str, body: Any = None) -> Any:
    return __salt__["mip_engine.call"](method, path, body)


def _settled(state: str) -> dict[str, Any]:
    """Wait until the engine is in a state, and return what it says of itself."""
    end = time.monotonic() + SETTLE
    while True:
        found = info()
        if found["state"] == state:
            return found
        if time.monotonic() >= end:
            why = f": {found['error']}" if found["error"] else ""
            raise CommandExecutionError(f"the engine is {found['state']}, and not {state}, after {SETTLE} s{why}")
        time.sleep(PAUSE)


def _ip(tool: str, *words: str) -> str:
    """Run ip; return why it failed, or nothing."""
    try:
        done = subprocess.run([tool, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        return getattr(err, "strerror", "") or "ip does not answer"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (said[-1][:200] if said else f"ip exits with {done.returncode}") if done.returncode else ""

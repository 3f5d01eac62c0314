"""
Have this node in the Docker Swarm that a federation runs on, or out of it: as its manager, or as a worker.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. Nothing here removes what it
did not make, and the secret that lets a worker join is in no command line, comment or error.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_swarm"

PORT = 2377
# Which node of its swarm this one is, once mip-salt had it join, or found it there: so that swarm is known as ours when
# its manager is not where it was.
NOTE = "/var/lib/mip-salt/swarm"
# Seconds until a change of the swarm has come through.
SETTLE = 40
PAUSE = 0.3


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_swarm knows Docker's engine on Linux"
    return __virtualname__


def info() -> dict[str, Any]:
    """
    Say which swarm this node is in, as its own engine sees it.

    Returns ``state`` (``inactive``, ``pending``, ``active``, ``error``, ``locked``), ``node_id``, ``address`` (what it
    advertises), ``manager`` (whether it is one), ``error``, ``cluster`` (a manager's swarm), ``managers``, each
    manager's address by its id, and ``noted``, whether :py:func:`note` was called in it. A node that the manager
    removed still says ``active``: only the manager knows.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm.info
    """
    told = _call("GET", "/info").get("Swarm") or {}
    node_id = told.get("NodeID") or ""
    return {
        "state": told.get("LocalNodeState") or "inactive",
        "node_id": node_id,
        "address": told.get("NodeAddr") or "",
        "manager": bool(told.get("ControlAvailable")),
        "error": told.get("Error") or "",
        "cluster": (told.get("Cluster") or {}).get("ID") or "",
        "managers": {one["NodeID"]: one["Addr"].rpartition(":")[0] for one in told.get("RemoteManagers") or []},
        "noted": bool(node_id) and _noted() == node_id,
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
    __salt__["mip_swarm_port.need"]()
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
    __salt__["mip_swarm_port.need"]()
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


def note() -> None:
    """
    Keep that the swarm which this node is in now is the federation's.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm.note
    """
    node_id = info()["node_id"]
    if _noted() == node_id:
        return
    try:
        os.makedirs(os.path.dirname(NOTE), 0o700, exist_ok=True)
        with open(NOTE, "w", encoding="utf-8") as kept:
            kept.write(node_id + "\n")
    except OSError as err:
        raise CommandExecutionError(f"{NOTE} cannot be written: {err.strerror}") from err


def leave(manager: str = "") -> dict[str, Any]:
    """
    Leave the swarm as a worker, with every container of it on this node, and return what :py:func:`info` then says.

    manager
        Leave only a swarm of this manager's, by its address, or one that was noted as ours; empty for any.

    Raises CommandExecutionError on a manager, whose swarm would be lost, and in another swarm than the one meant.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm.leave
    """
    found = info()
    if found["manager"]:
        raise CommandExecutionError("this node is the manager, and its swarm would be lost")
    if found["state"] == "inactive":
        return found
    if manager and not found["noted"] and not set(addresses_of(manager)) & set(found["managers"].values()):
        raise CommandExecutionError(f"it is in another swarm, of {', '.join(sorted(found['managers'].values()))}")
    _call("POST", "/swarm/leave?force=true")
    found = _settled("inactive")
    with contextlib.suppress(OSError):
        os.unlink(NOTE)
    return found


def token() -> dict[str, Any]:
    """
    Return on the manager what a worker needs to join.

    Returns ``token``, which is secret and good until :py:func:`rotate`, ``manager_id``, ``address``, at which the
    manager is known to its swarm, and ``known``, the ids of the nodes in it.

    CLI Example:

    .. code-block:: bash

        mip-salt -f brain apply
    """
    secret = _call("GET", "/swarm")["JoinTokens"]["Worker"]
    found, known = info(), [node["ID"] for node in _call("GET", "/nodes")]
    return {"token": secret, "manager_id": found["node_id"], "address": found["address"], "known": known}


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


def own_address(address: str = "", towards: str = "") -> str:
    """
    Return the IP address at which others reach this node.

    address
        What the pusher reaches it at: that, if it is an IP address that other machines can have. Whether this node has
        it is not asked: behind a NAT it has another.

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


def addresses_of(host: str) -> list[str]:
    """
    Return the IP addresses of a host: itself, if it is one; none, if its name is not known here.

    host
        As the pusher reaches it.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm.addresses_of brain-ms.chuv.ch
    """
    with contextlib.suppress(OSError, UnicodeError):
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)})
    return []


def _noted() -> str:
    with contextlib.suppress(OSError, ValueError), open(NOTE, encoding="utf-8") as kept:
        return kept.read(80).strip()
    return ""


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

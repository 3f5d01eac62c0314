"""
Wait for the port at which the engines of a swarm talk to each other about its networks: two swarms cannot share it.

A swarm that was left holds it for a second more, and for ever if its manager is gone; one that is entered meanwhile
never gets it, and no name in its networks is found (measured, Docker 20.10).

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_swarm_port"

PORT = 7946
LISTENING = ("/proc/net/tcp", "/proc/net/tcp6")
# Seconds until the port of a swarm that was left is free.
RELEASE = 10
PAUSE = 0.3


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_swarm_port knows Docker's engine on Linux"
    return __virtualname__


def need() -> None:
    """
    Wait until the port is free.

    Raises CommandExecutionError if it does not become so.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm_port.need
    """
    if not _is_free():
        raise CommandExecutionError(
            f"port {PORT}/tcp is in use on it. If that is Docker's engine, by a swarm that it left, restart it: "
            "systemctl restart docker, on it"
        )


def release() -> bool:
    """
    Have the port be free that a swarm held, which this node has left; say whether its engine was restarted for that.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_swarm_port.release
    """
    if _is_free():
        return False
    __salt__["mip_docker.restart"]()
    return True


def _is_free() -> bool:
    """Wait until nothing listens on the port, and say whether that came."""
    end = time.monotonic() + RELEASE
    while any(_listens(table) for table in LISTENING):
        if time.monotonic() >= end:
            return False
        time.sleep(PAUSE)
    return True


def _listens(table: str) -> bool:
    with contextlib.suppress(OSError), open(table, encoding="ascii") as lines:
        rows = [line.split() for line in lines]
        return any(row[1].endswith(f":{PORT:04X}") and row[3] == "0A" for row in rows if len(row) > 3)
    return False

"""
Know who keeps this node's clock right.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

from salt.exceptions import CommandExecutionError

__virtualname__ = "mip_time"

# sd-detect-virt(1) in a file: systemd writes there what kind of container it runs in.
CONTAINER = "/run/systemd/container"
DOCKER_CONTAINER = "/.dockerenv"
# Every NTP daemon that Debian and Ubuntu package, by its unit; whichever is there is left alone.
UNITS = (
    "chrony.service",
    "chronyd.service",
    "ntpsec.service",
    "ntp.service",
    "ntpd.service",
    "openntpd.service",
    "systemd-timesyncd.service",
)
DEADLINE = 30


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_time knows Linux"
    return __virtualname__


def keeper() -> dict[str, Any]:
    """
    Say who keeps this machine's clock.

    Returns ``container`` (its kind, where the clock is the host's; else empty), ``unit`` (that of the NTP daemon, an
    active one before others; empty if there is none), ``active`` and ``masked``. Raises CommandExecutionError if
    systemd does not answer.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_time.keeper
    """
    container = _container()
    if container:
        return {"container": container, "unit": "", "active": False, "masked": False}
    found = [unit for unit in _units() if unit.get("LoadState") in ("loaded", "masked")]
    found.sort(key=lambda unit: (not _active(unit), unit["LoadState"] != "loaded"))
    first = found[0] if found else {}
    return {
        "container": "",
        "unit": first.get("Id", ""),
        "active": _active(first),
        "masked": first.get("LoadState") == "masked",
    }


def start(unit: str) -> None:
    """
    Start an NTP daemon, now and at every boot.

    unit
        One that :py:func:`keeper` tells.

    Raises CommandExecutionError with the reason that systemd tells.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_time.start chrony.service
    """
    if unit not in UNITS:
        raise CommandExecutionError("not the unit of an NTP daemon")
    _systemctl("enable", "--now", unit)


def _active(unit: dict[str, str]) -> bool:
    return unit.get("ActiveState") in ("active", "activating")


def _container() -> str:
    try:
        with open(CONTAINER, encoding="utf-8", errors="replace") as source:
            kind = source.read(40).strip()
    except OSError:
        kind = "docker" if os.path.exists(DOCKER_CONTAINER) else ""
    return kind if kind.replace("-", "").isalnum() else "container" if kind else ""


def _units() -> list[dict[str, str]]:
    said = _systemctl("show", "--property=Id,LoadState,ActiveState", *UNITS)
    blocks = (block.splitlines() for block in said.split("\n\n"))
    return [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks]


def _systemctl(*words: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError("systemctl does not answer") from err
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[:200] or f"it exits with {done.returncode}"
        raise CommandExecutionError(f"systemctl {words[0]}: {' '.join(said.split())}")
    return done.stdout.decode("utf-8", "replace")

"""
Know this node's Docker engine: whether one is here, runs and is safe; start it, and restart it.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. The engine itself is asked,
through its socket: a package's version says nothing of a binary that was put in its place, or not restarted since.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
import unicodedata
from typing import Any

from salt.exceptions import CommandExecutionError

__virtualname__ = "mip_docker"

SOCKET = "/var/run/docker.sock"
# A snap shows its docker on the PATH, and its dockerd nowhere.
ENGINE_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/snap/docker/current/bin"
UNIT = "docker.service"
VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?![0-9])")
# CVE-2023-28840, -28841, -28842: before these, an encrypted overlay network may not be encrypted at all.
FLOORS = ((20, 10, 24), (23, 0, 3))
MAX_ANSWER = 1 << 20
# Seconds for one answer of a running engine, until one that was started answers (it reads all images and networks
# first), and for systemctl, which waits for containers to end.
ANSWER, START, SYSTEMCTL = 10, 60, 150


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_docker knows Docker's engine on Linux"
    return __virtualname__


def engine() -> dict[str, Any]:
    """
    Say which Docker engine is here.

    Returns ``there`` (one is installed, or answers), ``version`` (what it says itself; None if it does not answer),
    ``safe`` (None if it does not answer), and ``why`` it does not. Raises CommandExecutionError if what answers is
    not Docker's engine.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.engine
    """
    try:
        said = _ask("/version")
    except OSError as err:
        there = shutil.which("dockerd", path=ENGINE_PATH) is not None
        why = "no answer in time" if isinstance(err, socket.timeout) else err.strerror or "no answer"
        return {"there": there, "version": None, "safe": None, "why": _clean(f"{SOCKET}: {why}")}
    names = [part.get("Name") for part in said.get("Components") or [] if isinstance(part, dict)]
    if names and "Engine" not in names:
        raise CommandExecutionError(f"what answers at {SOCKET} is not Docker's engine: {_clean(str(names[0]))}")
    version = _clean(str(said.get("Version", "")), 40)
    return {"there": True, "version": version, "safe": safe(version), "why": ""}


def there() -> bool:
    """
    Say whether a Docker engine is here, running or not.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.there
    """
    return bool(engine()["there"])


def safe(version: str) -> bool:
    """
    Say whether an engine of this version encrypts its encrypted networks: 20.10.24 of the 20.10 line, 23.0.3 above.

    version
        As the engine or a package says it: ``20.10.24+dfsg1``, ``5:27.3.1-1~debian.12~bookworm``. One that cannot be
        read is not safe.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.safe 20.10.5
    """
    found = VERSION.match(str(version).partition(":")[2] or str(version))
    if not found:
        return False
    numbers = tuple(int(part) for part in found.groups())
    if numbers[:2] == (20, 10):
        return numbers >= FLOORS[0]
    return numbers >= FLOORS[1]


def wait(seconds: float = START) -> dict[str, Any]:
    """
    Wait until the engine answers, and return what :py:func:`engine` says.

    seconds
        How long; then it is returned as it is.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.wait 60
    """
    end = time.monotonic() + float(seconds)
    while True:
        found = engine()
        if found["version"] or time.monotonic() > end:
            return found
        time.sleep(0.2)


def has_unit() -> bool:
    """
    Say whether systemd's docker.service is the engine that runs, or would be if it were started.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.has_unit
    """
    return _unit().get("LoadState") in ("loaded", "masked")


def enabled() -> bool:
    """
    Say whether docker.service starts at boot. An engine without that unit starts by its own means.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.enabled
    """
    unit = _unit()
    return unit.get("LoadState") != "loaded" or unit.get("UnitFileState") == "enabled"


def start() -> dict[str, Any]:
    """
    Start docker.service, now and at every boot, wait until the engine answers, and return what :py:func:`engine` says.

    Raises CommandExecutionError with the reason that systemd tells.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.start
    """
    return _brought_up(["enable", "--now", UNIT])


def restart() -> dict[str, Any]:
    """
    Restart docker.service, and with it every container that is not kept alive; all else as for :py:func:`start`.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_docker.restart
    """
    return _brought_up(["restart", UNIT])


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def _ask(path: str) -> dict[str, Any]:
    """Return what the engine answers; OSError if nobody does."""
    connection = _Connection("localhost", timeout=ANSWER)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = json.loads(answer.read(MAX_ANSWER))
    except (http.client.HTTPException, ValueError) as err:
        raise CommandExecutionError(f"what answers at {SOCKET} is not Docker's engine") from err
    finally:
        connection.close()
    if answer.status != 200 or not isinstance(said, dict):
        raise CommandExecutionError(f"the engine answers {answer.status} at {SOCKET}")
    return said


def _unit() -> dict[str, str]:
    said = _systemctl("show", "--property=LoadState,UnitFileState", UNIT)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _brought_up(words: list[str]) -> dict[str, Any]:
    with contextlib.suppress(CommandExecutionError):
        _systemctl("reset-failed", UNIT)  # one that failed a moment ago may be out of starts
    _systemctl(*words)
    found = wait()
    if not found["version"]:
        raise CommandExecutionError(f"the engine does not answer after systemctl {words[0]}: {found['why']}")
    return found


def _systemctl(*words: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=SYSTEMCTL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError("systemctl does not answer") from err
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"it exits with {done.returncode}"]
        raise CommandExecutionError(f"systemctl {words[0]}: {_clean(said[0])} (see: journalctl -u {UNIT})")
    return done.stdout.decode("utf-8", "replace")


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

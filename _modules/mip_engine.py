"""
Speak to this node's Docker engine through its socket: no client to install, and no secret in any command line.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import unicodedata
from typing import Any

from salt.exceptions import CommandExecutionError

__virtualname__ = "mip_engine"

SOCKET = "/var/run/docker.sock"
MAX_ANSWER = 8 << 20
# Seconds for one answer: the engine answers a join only once the other side did, or after 20 s.
DEADLINE = 60


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_engine knows Docker's engine on Linux"
    return __virtualname__


def call(method: str, path: str, body: Any = None) -> Any:
    """
    Return what the engine answers, as data; None for an empty answer.

    method
        ``GET``, ``POST`` or ``DELETE``.

    path
        Of Docker's Engine API, without a version: the engine answers in its own.

    body
        Data to send, as JSON; it may be secret, and is in no error.

    Raises CommandExecutionError with the engine's own words if it refuses, or with the reason if nobody answers.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_engine.call GET /nodes
    """
    connection = _Connection("localhost", timeout=DEADLINE)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        status, said = answer.status, answer.read(MAX_ANSWER + 1)
    except (OSError, http.client.HTTPException) as err:
        why = "no answer in time" if isinstance(err, socket.timeout) else getattr(err, "strerror", "") or "no answer"
        raise CommandExecutionError(f"the Docker engine does not answer: {SOCKET}: {_clean(why)}") from err
    finally:
        connection.close()
    if len(said) > MAX_ANSWER:
        raise CommandExecutionError("the Docker engine answers with more than is read")
    try:
        found = json.loads(said) if said.strip() else None
    except ValueError:
        found = said.decode("utf-8", "replace")
    if not 200 <= status < 300:
        why = found.get("message") if isinstance(found, dict) else found
        raise CommandExecutionError(
            f"the Docker engine refuses ({status}): {_clean(str(why or 'without a word'), 300)}"
        )
    return found


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

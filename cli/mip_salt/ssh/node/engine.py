"""
Ask a node's Docker engine through its socket, also for a log without end: a part of what `mip-salt logs` runs there.

Python 3.8 and its standard library; sent over ssh with logs.py, run as root from memory.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, Iterator
from urllib.parse import urlencode

SOCKET = "/var/run/docker.sock"
# What the engine itself makes of a longer line is pieces of this size (moby, daemon/logger/copier.go).
PIECE = 16384
MAX_ANSWER = 8 << 20
# Seconds for an answer.
ANSWER = 30.0


class Engine(http.client.HTTPConnection):
    """A connection to the engine's socket."""

    def connect(self) -> None:
        """Connect; what waits for a log to grow waits for ever."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER)
        self.sock.connect(SOCKET)


class Silent(Exception):
    """The engine does not answer, or not as an engine does."""


class Refused(Exception):
    """The engine answers, and does not give it."""


def get(path: str, **query: Any) -> http.client.HTTPResponse:
    """Return the engine's answer, to be read."""
    connection = Engine("localhost")
    try:
        connection.request("GET", path + "?" + urlencode(query))
        waiting = connection.sock
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as err:
        raise Silent(str(err)) from err
    if answer.status != 200:
        with answer:
            raise Refused(answer.read(300).decode("utf-8", "replace"))
    if query.get("follow"):
        waiting.settimeout(None)
    return answer


def ask(path: str, **query: Any) -> Any:
    """Return what the engine tells, as data."""
    try:
        with get(path, **query) as answer:
            return json.loads(answer.read(MAX_ANSWER))
    except (OSError, ValueError, http.client.HTTPException) as err:
        raise Silent(str(err)) from err


def frames(answer: http.client.HTTPResponse) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records of a log whose streams are told apart: each behind its stream and length, 8 bytes."""
    while True:
        head = answer.read(8)
        if len(head) < 8:
            return
        length = int.from_bytes(head[4:], "big")
        record = answer.read(min(length, PIECE + 64))
        while length > PIECE + 64:  # nothing of it is held
            part = answer.read(min(length - PIECE - 64, 65536))
            if not part:
                return
            length -= len(part)
        yield (b"e" if head[0] == 2 else b"o"), record


def lines(answer: http.client.HTTPResponse) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records of a terminal's log, a line each; what is too long for one is left out."""
    whole = True
    while True:
        part = answer.readline(PIECE + 64)
        if not part:
            return
        if whole:
            yield b"o", part
        whole = part.endswith(b"\n")

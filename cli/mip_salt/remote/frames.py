"""The frames that cross a connection: a mark, a kind, a length, a body; whatever else a node prints is skipped."""

from __future__ import annotations

import json
from typing import Any

# Of the node's frames alone: its shell may print before, between and after them.
MARK = b"\x01mip"
# The line after which the node reads frames: before it may come a password that sudo did not ask for.
GO = b"\x01MIP\n"
HEAD = 9  # a kind, and the length of the body in eight hexadecimal digits
MAX_FRAME = 16 << 20
MAX_NOISE = 1 << 20


class TooMuch(Exception):
    """A node sends more than is read from it."""


def frame(kind: str, body: bytes | dict[str, Any] | list[Any] = b"") -> bytes:
    """Return one frame to a node.

    kind
        One letter.
    body
        Bytes as they are, or data, which is sent as JSON.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(kind, len(data)) + data


def head(kind: str, length: int) -> bytes:
    """Return what comes before a body of so many bytes, for one that is too large to be copied for every node."""
    return kind.encode() + b"%08x" % length


class Frames:
    """Frames out of what a node sends, in whatever pieces it comes."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._noise = 0

    def feed(self, part: bytes) -> list[tuple[str, Any]]:
        """Take what came; return the frames that are whole now, as kind and data.

        Raises TooMuch for a frame or for noise beyond bounds; data that is no JSON is None.
        """
        self._got += part
        found = []
        while (one := self._next()) is not None:
            found.append(one)
        return found

    def _next(self) -> tuple[str, Any] | None:
        start = self._got.find(MARK)
        self._skip(max(0, len(self._got) - len(MARK) + 1) if start < 0 else start)
        if start < 0 or len(self._got) < len(MARK) + HEAD:
            return None
        head = bytes(self._got[len(MARK) : len(MARK) + HEAD])
        try:
            kind, length = head[:1].decode("ascii"), int(head[1:], 16)
        except ValueError:
            self._skip(len(MARK))
            return self._next()
        if not 0 <= length <= MAX_FRAME:
            raise TooMuch
        end = len(MARK) + HEAD + length
        if len(self._got) < end:
            return None
        body = bytes(self._got[len(MARK) + HEAD : end])
        del self._got[:end]
        try:
            return kind, json.loads(body or b"null")
        except (ValueError, RecursionError):
            return kind, None

    def _skip(self, size: int) -> None:
        self._noise += size
        if self._noise > MAX_NOISE:
            raise TooMuch
        del self._got[:size]

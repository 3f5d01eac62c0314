"""Make text from outside inert before it reaches a terminal, a log or a message."""

from __future__ import annotations

import unicodedata

LIMIT = 200


def printable(text: object, limit: int = LIMIT) -> str:
    """Return text as one line that can neither move a cursor nor hide anything.

    text
        What a node, a file or a person sent: bytes or anything with a ``str``.
    limit
        Characters kept; a longer text ends in an ellipsis.

    Control, format (bidi among them), private, surrogate and separator characters become U+FFFD.
    """
    line = bytes(text[: limit * 4 + 4]).decode("utf-8", "replace") if isinstance(text, bytes | bytearray) else str(text)
    shown = line[:limit]
    if not shown.isprintable():  # by the same categories, in C
        shown = "".join(
            c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\N{REPLACEMENT CHARACTER}" for c in shown
        )
    return shown + ("…" if len(line) > limit else "")

"""A host key's fingerprint, as ssh-keygen -l prints it or in words as people read it aloud."""

from __future__ import annotations

import base64
import re

from mip_salt.federation.words import from_words, has_words, to_words

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")
PREFIX = "SHA256:"
BYTES = 32
WORDS = BYTES // 2
RULE = f'a fingerprint is "SHA256:" and 43 characters, as ssh-keygen -l prints it, or its {WORDS} words'
MAX_TEXT = 400


def valid_fingerprint(text: str) -> str:
    """Return the fingerprint in a text: alone, padded, in a whole line of ``ssh-keygen -l``, or in words.

    Raises ValueError with the rule.
    """
    text = text.strip()[:MAX_TEXT]
    words = [word.rstrip("=") for word in text.split() if word.startswith(PREFIX)]
    if not words and has_words(text):
        return _from_words(text)
    if len(words) != 1 or not FINGERPRINT.match(words[0]):
        raise ValueError(RULE)
    return words[0]


def in_words(fingerprint: str) -> str:
    """Return a fingerprint as its words.

    fingerprint
        As :py:func:`valid_fingerprint` returns it.
    """
    return " ".join(to_words(base64.b64decode(fingerprint.removeprefix(PREFIX) + "=")))


def _from_words(text: str) -> str:
    data = from_words(text)
    if len(data) != BYTES:
        raise ValueError(f"a fingerprint in words has {WORDS} of them, these are {len(data) // 2}")
    return PREFIX + base64.b64encode(data).decode("ascii").rstrip("=")

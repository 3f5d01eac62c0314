"""A host key's fingerprint, as ssh-keygen -l prints it and people read it aloud."""

from __future__ import annotations

import re

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")
RULE = 'a fingerprint is "SHA256:" and 43 characters, as ssh-keygen -l prints it'


def valid_fingerprint(text: str) -> str:
    """Return the fingerprint in a text: alone, padded, or in a whole line of ``ssh-keygen -l``.

    Raises ValueError with the rule.
    """
    words = [word.rstrip("=") for word in text.strip()[:400].split() if word.startswith("SHA256:")]
    if len(words) != 1 or not FINGERPRINT.match(words[0]):
        raise ValueError(RULE)
    return words[0]

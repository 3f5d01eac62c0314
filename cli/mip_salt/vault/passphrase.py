"""What a new passphrase must be, and why: whoever copies the folder can guess at leisure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from mip_salt.errors import UsageError

MIN_LENGTH = 12
MAX_BYTES = 255  # of UTF-8; gpg-agent takes no more (MAX_PASSPHRASE_LEN)
MIN_DIFFERENT = 6
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aeiou"


def normalised(passphrase: str) -> str:
    """Return a passphrase as it is used: NFC, so that é typed on any keyboard is the same é."""
    return unicodedata.normalize("NFC", passphrase)


def unusable(passphrase: str) -> bool:
    """Say whether no vault can have this normalised passphrase: gpg reads a line of UTF-8, of so many bytes."""
    return _more_than_a_line(passphrase) or len(passphrase.encode()) > MAX_BYTES


def check_new(passphrase: str, *, not_these: Iterable[str]) -> str:
    """Return a new passphrase, normalised.

    not_these
        What it must not be: the federation's name, a node's password.

    Raises UsageError, saying which rule it breaks and why there is one.
    """
    text = normalised(passphrase)
    if _more_than_a_line(text):
        raise UsageError(
            "a passphrase is one line without control characters: gpg reads it as a line",
            hint="Take the six words that mip-salt suggests.",
        )
    if unusable(text):
        raise UsageError(
            f"the passphrase has {len(text.encode())} bytes; gpg takes {MAX_BYTES} at most",
            hint="Take the six words that mip-salt suggests.",
        )
    if len(text) < MIN_LENGTH:
        raise UsageError(
            f"the passphrase has {len(text)} characters; it needs {MIN_LENGTH}",
            hint="The vault's key is made for speed, so the passphrase must stand guessing on a stolen copy.",
        )
    runs = sum(ord(b) - ord(a) in (-1, 0, 1) for a, b in pairwise(text))
    if len(set(text)) < MIN_DIFFERENT or runs > len(text) // 2:
        raise UsageError(
            "the passphrase repeats or counts; the first guesses of an attacker do that too",
            hint="Six random words are easy to type and hard to guess.",
        )
    if any(text.casefold() == word.casefold() for word in not_these if word):
        raise UsageError(
            "the passphrase is a name or a password used elsewhere; it must be its own secret",
            hint="Take the six words that mip-salt suggests.",
        )
    return text


def _more_than_a_line(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


def suggest() -> str:
    """Return six random, pronounceable words: 6 × log2((16·5)²) = 75 bits."""
    import secrets

    def word() -> str:
        return "".join(secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(2))

    return " ".join(word() for _ in range(6))

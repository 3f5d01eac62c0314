"""A fingerprint in words that people of any tongue can say and write down: sixteen proquints.

A proquint (Wilkerson, arXiv:0901.4016) is five letters for 16 bits, consonant and vowel in turn: ``lusab`` is 7f00.
It needs no list of words, so the line of awk in a handover sheet makes the same ones on a machine without mip-salt.
"""

from __future__ import annotations

import re

CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"
WORD = re.compile(rf"[{CONSONANTS}][{VOWELS}][{CONSONANTS}][{VOWELS}][{CONSONANTS}]\Z")
BETWEEN = re.compile(r"[\s,;.·-]+")


def to_words(data: bytes) -> list[str]:
    """Return bytes, an even number of them, as words."""
    return [_word(int.from_bytes(data[at : at + 2], "big")) for at in range(0, len(data), 2)]


def has_words(text: str) -> bool:
    """Say whether a text is meant as words: one of them at least is one."""
    return any(WORD.match(word) for word in _split(text))


def from_words(text: str) -> bytes:
    """Return the bytes that words tell, in capitals or not, with blanks, commas or hyphens between them.

    Raises ValueError naming the first word that is none.
    """
    data = b""
    for place, word in enumerate(_split(text), 1):
        if not WORD.match(word):
            raise ValueError(f"word {place} is not of five letters, {CONSONANTS} and {VOWELS} in turn")
        data += _number(word).to_bytes(2, "big")
    return data


def _split(text: str) -> list[str]:
    return [word for word in BETWEEN.split(text.lower()) if word]


def _word(number: int) -> str:
    first, vowel, middle, second, last = number >> 12, number >> 10 & 3, number >> 6 & 15, number >> 4 & 3, number & 15
    return CONSONANTS[first] + VOWELS[vowel] + CONSONANTS[middle] + VOWELS[second] + CONSONANTS[last]


def _number(word: str) -> int:
    number = 0
    for letter in word:
        number = number << 4 | CONSONANTS.index(letter) if letter in CONSONANTS else number << 2 | VOWELS.index(letter)
    return number

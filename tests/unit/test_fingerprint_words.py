"""A fingerprint can be read aloud: sixteen words that tell all of it, and that a slip of the tongue does not pass."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.federation.fingerprint import RULE, in_words, valid_fingerprint
from mip_salt.federation.words import CONSONANTS, VOWELS, from_words, to_words


def fingerprint(data: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


PRINT = fingerprint(b"a host key")
WORDS = in_words(PRINT)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1", "lusab babad"),
        ("63.84.220.193", "gutih tugad"),
        ("140.98.193.141", "mudof sakat"),
        ("198.81.129.136", "sinid makam"),
    ],
)
def test_the_words_are_those_of_the_proquint_paper(address, words):
    data = bytes(map(int, address.split(".")))
    assert to_words(data) == words.split()
    assert from_words(words) == data


@given(st.binary(min_size=32, max_size=32))
def test_every_fingerprint_comes_back_from_its_words(digest):
    told = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
    assert len(in_words(told).split()) == 16
    assert valid_fingerprint(in_words(told)) == told


@pytest.mark.parametrize(
    "heard",
    [
        WORDS.upper(),
        WORDS.replace(" ", "-"),
        WORDS.replace(" ", ", ") + ".",
        "\n".join([" ".join(WORDS.split()[:8]), "  " + " ".join(WORDS.split()[8:]), ""]),
    ],
    ids=["capitals", "hyphens", "commas", "two lines"],
)
def test_the_words_are_taken_as_people_write_them_down(heard):
    assert valid_fingerprint(heard) == PRINT


@given(st.integers(0, 15), st.integers(0, 4), st.data())
def test_one_letter_misheard_is_another_fingerprint(word, letter, data):
    words = [list(text) for text in WORDS.split()]
    alphabet = CONSONANTS if words[word][letter] in CONSONANTS else VOWELS
    words[word][letter] = data.draw(st.sampled_from([a for a in alphabet if a != words[word][letter]]))
    assert valid_fingerprint(" ".join(map("".join, words))) != PRINT


def test_a_word_that_cannot_be_one_is_named():
    words = WORDS.split()
    with pytest.raises(ValueError, match="word 3 is not of five letters"):
        valid_fingerprint(" ".join([*words[:2], "ceqxw", *words[3:]]))


@pytest.mark.parametrize("count", [1, 15, 17])
def test_a_lost_or_doubled_word_is_noticed(count):
    words = (WORDS.split() * 2)[:count]
    with pytest.raises(ValueError, match=f"has 16 of them, these are {count}"):
        valid_fingerprint(" ".join(words))


@pytest.mark.parametrize("text", ["maybe not", "", "yes", "256 MD5:00:11 root@x (ED25519)"])
def test_what_is_neither_is_refused_with_the_rule(text):
    with pytest.raises(ValueError, match="or its 16 words") as err:
        valid_fingerprint(text)
    assert str(err.value) == RULE

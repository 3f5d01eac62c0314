"""Whatever a node's log holds, what is shown of it is one bounded line that does nothing to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.ssh.logs import WORDS, Caught, Note, Record, inert, parse
from mip_salt.ssh.node.engine import PIECE

STAMP = b"2026-11-28T03:00:00.000000001Z"


def is_inert(text: str) -> bool:
    return not {unicodedata.category(c)[0] for c in text.replace(" ", "")} & {"C", "Z"}


@given(st.binary(max_size=400))
def test_any_bytes_are_one_of_three_things_or_none(line: bytes) -> None:
    try:
        said = parse(line)
    except ValueError:
        return
    assert isinstance(said, Record | Note | Caught)


@given(st.sampled_from([b"o ", b"e "]), st.binary(max_size=400))
def test_any_text_of_a_record_is_inert(kind: bytes, text: bytes) -> None:
    said = parse(kind + STAMP + b" " + text)
    assert isinstance(said, Record)
    assert is_inert(said.text)


@given(st.sampled_from(WORDS), st.binary(max_size=400))
def test_any_text_of_a_note_is_inert_and_short(word: str, text: bytes) -> None:
    said = parse(b"n " + word.encode() + b" " + text)
    assert isinstance(said, Note)
    assert is_inert(said.more)
    assert len(said.more) <= 201


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b"o",
        b"o 2026-11-28 text",
        b"o " + STAMP.replace(b"2026", "٢٠٢٦".encode()) + b" text",
        b"n why",
        b"n \xff",
        b"n Ended 1",
        b"h" * 70000,
    ],
)
def test_what_is_none_of_them_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(line)


@pytest.mark.parametrize("text", [b"\t" * 60000, b"a" * 60000, b"\x1b[31m" * 9000, "\u202e".encode() * 9000])
def test_a_line_is_bounded_whatever_it_becomes(text: bytes) -> None:
    assert len(inert(text)) <= PIECE + 1


def test_colours_are_left_out_and_tabs_are_blanks_but_a_cursor_moves_nowhere() -> None:
    assert inert(b"\x1b[1;31mERROR\x1b[0m\tat x.y(Z.java:1)\r") == "ERROR   at x.y(Z.java:1)"
    assert inert(b"a\rb\x1b[2J\x9b2J") == "a\ufffdb\ufffd[2J\ufffd2J"

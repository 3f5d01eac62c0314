"""Whatever a node's probe says, it is one of three things in bounds, or refused; no text of it is more than inert."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.ssh.probe import NONSENSE, OUTCOMES, Arrived, Ready, Said, Sent, parse

TOKEN = "0123456789abcdef" * 2
READY = {"raw": True, "held": {"7946/udp": "dockerd"}, "kernel": {"vxlan": "", "esp": "no\x1b[2J", "ipvs": "?"}}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def told(line: bytes) -> Said | None:
    """Return what is taken of a line; whatever it was, it is in bounds."""
    try:
        said = parse(line)
    except NONSENSE:
        return None
    if isinstance(said, Ready):
        assert len(said.held) <= 64
        texts = [*said.held, *said.held.values(), *said.kernel.values()]
        assert all(len(text) <= 161 for text in texts)
        assert not {unicodedata.category(c)[0] for text in texts for c in text.replace(" ", "")} & {"C", "Z"}
    elif isinstance(said, Arrived):
        assert len(said.token) == 32
        assert len(said.source) <= 60
        assert 0 < said.size < 70_000
    else:
        assert isinstance(said, Sent)
        assert len(said.token) == 32
        assert said.outcome in OUTCOMES
    return said


def changed(message: dict[str, Any], path: list[str], value: object) -> bytes:
    copy = json.loads(json.dumps(message))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(copy).encode("utf-8", "surrogatepass")


@given(st.binary(max_size=500))
def test_any_bytes(line: bytes) -> None:
    assert told(line) is None or b"{" in line


@given(anything)
def test_any_json(value: object) -> None:
    said = told(json.dumps(value).encode())
    assert said is None or (isinstance(value, dict) and [*value] in (["ready"], ["arrived"], ["sent"]))


PLACES = [
    "ready",
    "ready raw",
    "ready held",
    "ready held 7946/udp",
    "ready kernel",
    "ready kernel esp",
    "ready held \x1b",
]


@given(st.sampled_from(PLACES).map(str.split), anything)
def test_a_first_word_with_anything_in_it(path: list[str], value: object) -> None:
    said = told(changed({"ready": READY}, path, value))
    assert said is None or (isinstance(said, Ready) and "\x1b" not in path)


@given(st.sampled_from(["token", "source", "size"]), anything)
def test_an_arrival_with_anything_in_it(key: str, value: object) -> None:
    said = told(changed({"arrived": {"token": TOKEN, "source": "10.0.0.1", "size": 100}}, ["arrived", key], value))
    if said is not None:
        assert isinstance(said, Arrived)
        assert key == "source" or getattr(said, key) == value


@given(st.sampled_from(["token", "outcome"]), anything)
def test_a_sending_with_anything_in_it(key: str, value: object) -> None:
    said = told(changed({"sent": {"token": TOKEN, "outcome": "silence"}}, ["sent", key], value))
    assert said is None or (isinstance(said, Sent) and getattr(said, key) == value)


def test_what_a_probe_says_is_taken() -> None:
    ready = told(json.dumps({"ready": READY}).encode())
    assert isinstance(ready, Ready)
    assert ready.held == {"7946/udp": "dockerd"}
    assert "\x1b" not in ready.kernel["esp"]
    arrived = told(json.dumps({"arrived": {"token": TOKEN, "source": "10.0.0.1", "size": 100}}).encode())
    assert arrived == Arrived(TOKEN, "10.0.0.1", 100)
    assert told(json.dumps({"sent": {"token": TOKEN, "outcome": "refused"}}).encode()) == Sent(TOKEN, "refused")


@pytest.mark.parametrize(
    "held", [{f"{port}/tcp": "x" for port in range(65)}, {"7946/udp; rm": "x"}, {"7946/udp": 3}, [["7946/udp", "x"]]]
)
def test_ports_that_no_probe_was_asked_for_are_refused(held: object) -> None:
    assert told(changed({"ready": READY}, ["ready", "held"], held)) is None

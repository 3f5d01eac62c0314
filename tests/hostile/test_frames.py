"""Whatever bytes a node sends, in whatever pieces, its frames are read whole or not at all, and within bounds."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.endings import progress, read
from mip_salt.remote.frames import MARK, MAX_FRAME, MAX_NOISE, Frames, TooMuch
from mip_salt.remote.results import Kind
from mip_salt.remote.returns import Asked

FEDERATION = Federation.model_validate(
    {"federation": "brain", "nodes": {"wk1": {"role": "worker", "address": "10.0.0.21"}}}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


def sent(kind, body):
    return MARK + kind.encode() + b"%08x" % len(body) + body


def fed(data, sizes=(1 << 20,)):
    frames, found, at = Frames(), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        found += frames.feed(data[at : at + size])
        at += size
    return found


@given(st.lists(st.tuples(st.sampled_from("hgprbfx"), st.integers(), st.binary(max_size=30))), st.integers(1, 40))
def test_frames_come_whole_out_of_noise_in_pieces_of_any_size(rows, size):
    rows = [(kind, value, noise.replace(b"\x01", b"")) for kind, value, noise in rows]
    data = b"".join(noise + sent(kind, json.dumps(value).encode()) for kind, value, noise in rows)
    assert fed(data, (size,)) == [(kind, value) for kind, value, _ in rows]


def heard(data, size):
    """Return what is read of bytes that come in pieces, or that they are too much; nothing else is raised."""
    try:
        return repr(fed(data, (size,)))
    except TooMuch:
        return "too much"


@given(st.binary(max_size=200), st.integers(1, 40))
def test_any_bytes_are_read_alike_in_whatever_pieces(data, size):
    data += MARK + data
    assert heard(data, size) == heard(data, len(data))


def test_a_frame_too_long_is_refused_by_its_head():
    with pytest.raises(TooMuch):
        Frames().feed(MARK + b"r%08x" % (MAX_FRAME + 1))


def test_noise_without_end_is_refused():
    frames = Frames()
    frames.feed(b"x" * MAX_NOISE)
    with pytest.raises(TooMuch):
        frames.feed(b"x" * 1000)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000], ids=["empty", "open", "no text", "deep"])
def test_a_frame_that_is_no_data_is_none(body):
    assert fed(sent("r", body)) == [("r", None)]


@given(st.dictionaries(st.sampled_from(["raw", "lost", "refused", "data", "flood", "status", "silent"]), JSON) | JSON)
def test_whatever_a_worker_heard_no_failure_is_a_success(answer):
    asked = Asked(Folder(Path("/opt/brain")), FEDERATION, "wk1", "state.apply")
    if isinstance(answer, dict) and not isinstance(answer.get("lost", ""), str):
        answer["lost"] = "said"
    result = read(asked, answer, 255)
    assert result.kind not in (Kind.OK, Kind.CHANGED)
    assert result.error
    assert not any(ord(char) < 32 for char in result.error)


@given(st.dictionaries(st.sampled_from(["done", "total", "state"]), JSON) | JSON)
def test_progress_is_inert_and_within_its_total(said):
    at = progress("wk1", said)
    assert 0 <= at.done <= at.total
    assert len(at.state) <= 121
    assert not any(ord(char) < 32 for char in at.state)

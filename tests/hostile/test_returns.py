"""Whatever a node answers, reading it never raises and never makes a failure a success."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.results import Kind
from mip_salt.remote.returns import Asked, classify

FEDERATION = Federation.model_validate(
    {"federation": "brain", "nodes": {"wk1": {"role": "worker", "address": "10.0.0.21"}}}
)
KEYS = st.sampled_from(
    ["return", "retcode", "_error", "stderr", "stdout", "id", "fun", "out", "result", "changes", "comment", "name"]
) | st.sampled_from(["file_|-x_|-/x_|-managed", "__run_num__", "duration", "__id__", "_errors"])
TEXTS = st.text(max_size=40) | st.sampled_from(
    ["Permission denied (publickey).", "Host key verification failed.", "sudo: a password is required", "\x1b[2J\u202e"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | TEXTS, inner, max_size=6) | st.dictionaries(KEYS, inner)
    ),
    max_leaves=30,
)
FUNCTIONS = st.sampled_from(["state.apply", "test.ping", "pillar.items", "state.sls"])


def read(raw, function="test.ping"):
    return classify(Asked(Folder(Path("/opt/brain")), FEDERATION, "wk1", function), raw)


def proper(raw):
    """What alone may be a success."""
    if not isinstance(raw, dict) or "return" not in raw or "_error" in raw:
        return False
    return type(raw.get("retcode")) is int and raw["retcode"] == 0


@given(JSON, FUNCTIONS)
def test_nothing_raises_and_nothing_but_a_proper_success_is_one(raw, function):
    result = read(raw, function)
    if result.kind in (Kind.OK, Kind.CHANGED):
        assert proper(raw)
        assert not result.error
    else:
        assert result.error
        assert result.exit_code != 0


@given(JSON, FUNCTIONS)
def test_every_text_of_a_result_is_inert_and_bounded(raw, function):
    result = read(raw, function)
    assert result.error.isprintable() or "\x1b" not in result.error
    assert not any(ord(char) < 32 for char in result.error)
    assert len(result.error) <= 401


@given(st.dictionaries(st.text(max_size=20), JSON, max_size=5))
def test_made_up_states_are_never_all_well(data):
    result = read({"return": data, "retcode": 0}, "state.apply")
    assert result.kind not in (Kind.OK, Kind.CHANGED) or all("_|-" in key for key in data)


def test_twenty_megabytes_are_read_in_bounded_text():
    result = read({"stderr": "x" * 20_000_000, "stdout": "", "retcode": 1, "_error": "x"})
    assert result.kind is Kind.FAILED
    assert len(result.error) < 500


def test_a_hundred_thousand_states_are_counted_and_cut():
    states = {f"a_|-{n}_|-{n}_|-b": {"result": True} for n in range(100_000)}
    result = read({"return": states, "retcode": 0}, "state.apply")
    assert result.kind is Kind.OK
    assert result.data.ok == 100_000
    assert len(result.data.rows) <= 2000


@pytest.mark.parametrize("function", ["state.apply", "test.ping"])
def test_a_deep_nest_is_read(function):
    deep = []
    for _ in range(50_000):
        deep = [deep]
    for raw in (deep, {"return": deep, "retcode": 0}, {"stderr": deep, "_error": 1}):
        result = read(raw, function)
        assert result.kind in Kind
        assert len(result.error) <= 1000

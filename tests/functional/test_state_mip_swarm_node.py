"""The states of a swarm's list of nodes, as Salt runs them, before a mock of the engine; tests/integration has it."""

import pytest
from mock_engine import node as entry


@pytest.fixture
def states(node):
    return node.loaders.states.mip_swarm_node


def member(states, **more):
    return states.member(name="brain-wk1", labels={"name": "brain-wk1"}, **more)


def test_a_member_is_labelled_once_and_keeps_its_other_labels(states, engine):
    engine.nodes = [entry("brain-wk1", labels={"disk": "fast"})]
    first = member(states)
    assert (first.result, first.changes) == (True, {"label name": {"old": "", "new": "brain-wk1"}})
    assert engine.nodes[0]["Spec"]["Labels"] == {"disk": "fast", "name": "brain-wk1"}
    second = member(states)
    assert (second.result, second.changes) == (True, {})


def test_a_drained_member_is_made_active(states, engine):
    engine.nodes = [entry("brain-wk1", labels={"name": "brain-wk1"}, availability="drain")]
    assert member(states, test=True).changes == {"availability": {"old": "drain", "new": "active"}}
    assert member(states).result is True
    assert engine.nodes[0]["Spec"]["Availability"] == "active"


def test_dead_entries_of_a_node_that_joined_anew_are_taken_away_and_no_live_one(states, engine):
    engine.nodes = [
        entry("brain-wk1", "d" * 25, state="down"),
        entry("brain-wk1"),
        entry("other", "o" * 25, state="down"),
    ]
    assert member(states).changes["dead entries"] == {"old": "d" * 25, "new": ""}
    assert [one["ID"] for one in engine.nodes] == ["w" * 25, "o" * 25]


def test_a_node_that_never_joined_is_a_failure_and_in_a_trial_what_would_come(states, engine):
    ret = member(states)
    assert (ret.result, ret.changes) == (False, {})
    assert "no node of that hostname joined it" in ret.comment
    assert member(states, test=True).result is None


def drained(states, **more):
    return states.drained(name="brain-wk1", **more)


def test_a_disabled_node_is_drained_dead_or_alive(states, engine):
    engine.nodes = [entry("brain-wk1", state="down")]
    assert (drained(states, test=True).result, engine.changing) == (None, [])
    assert drained(states).changes == {"w" * 25: {"old": "active", "new": "drain"}}
    assert (drained(states).result, drained(states).changes) == (True, {})


def test_one_that_never_joined_is_drained_already(states, engine):
    assert (drained(states).result, drained(states).changes) == (True, {})

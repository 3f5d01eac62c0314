"""The states of a node in a swarm, as Salt runs them, before a mock of the engine: the real one is in integration."""

import json
import shutil

import pytest
from mock_engine import MANAGER, OURS, TOKEN, MockEngine

KEY = {"token": TOKEN, "manager_id": MANAGER, "address": OURS, "known": [MANAGER]}


@pytest.fixture
def engine(node):
    """An engine in no swarm."""
    made = MockEngine(node.folder)
    yield made
    made.close()


@pytest.fixture
def states(node):
    """The states, and a way to hand them a key as a run of mip-salt does: in the pillar."""
    pillar = node.folder / "pillar"
    pillar.mkdir(exist_ok=True)
    (pillar / "top.sls").write_text("base: {'*': [join]}")

    def run(function, *, key=None, **kwargs):
        (pillar / "join.sls").write_text(json.dumps({"mip": {"join": key or {}}}))
        return node.loaders.states[function](**kwargs)

    yield run
    shutil.rmtree(pillar)


# --- manager ----------------------------------------------------------------------------------------------------------


def manager(states, **more):
    return states("mip_swarm.manager", name="swarm", address=OURS, **more)


def test_a_swarm_is_made_once(states, engine):
    first = manager(states)
    assert (first.result, first.changes) == (True, {"swarm": {"old": "none", "new": f"manager at {OURS}"}})
    second = manager(states)
    assert (second.result, second.changes) == (True, {})
    assert engine.changing == [("POST", "/swarm/init")]


def test_a_trial_of_it_makes_none(states, engine):
    ret = manager(states, test=True)
    assert (ret.result, list(ret.changes), engine.changing) == (None, ["swarm"], [])


def test_a_manager_whose_address_changed_is_a_failure_that_tells_both(states, engine):
    engine.managing("10.0.0.99")
    ret = manager(states)
    assert (ret.result, ret.changes, engine.changing) == (False, {}, [])
    assert f"knows it at 10.0.0.99, and its address is {OURS} now" in ret.comment


def test_what_force_new_cluster_leaves_behind_is_a_failure_too_and_the_command_that_mends_it_is_told(states, engine):
    engine.managing("10.0.0.99")
    engine.swarm["NodeAddr"] = OURS
    ret = manager(states)
    assert (ret.result, engine.changing) == (False, [])
    assert "knows it at 10.0.0.99" in ret.comment
    assert "ssh ms sudo docker swarm leave --force, and then mip-salt" in ret.comment


def test_a_worker_of_another_swarm_is_not_made_a_manager(states, engine):
    engine.working("10.9.9.9")
    ret = manager(states)
    assert (ret.result, engine.changing) == (False, [])
    assert "in another swarm (of 10.9.9.9), which is not touched" in ret.comment


def test_a_locked_swarm_says_how_to_unlock_it(states, engine):
    engine.swarm = {"LocalNodeState": "locked"}
    assert "docker swarm unlock" in manager(states).comment


def test_an_engine_that_refuses_is_told_in_its_own_words(states, engine):
    engine.refuse["POST /swarm/init"] = (503, "could not choose an IP\naddress\x1b[2J")
    ret = manager(states)
    assert (ret.result, ret.changes) == (False, {})
    assert "refuses (503): could not choose an IP\ufffdaddress\ufffd[2J" in ret.comment


# --- joined -----------------------------------------------------------------------------------------------------------


def joined(states, **more):
    return states("mip_swarm.joined", name="swarm", manager=OURS, address="10.0.0.21", **more)


def test_a_worker_joins_with_the_key_of_the_run_and_the_key_is_in_no_word(states, engine):
    ret = joined(states, key=KEY)
    assert (ret.result, list(ret.changes)) == (True, ["swarm"])
    assert engine.joined["JoinToken"] == TOKEN
    assert engine.joined["RemoteAddrs"] == [f"{OURS}:2377"]
    assert engine.joined["AdvertiseAddr"] == engine.joined["DataPathAddr"] == "10.0.0.21"
    assert TOKEN not in str(ret)


@pytest.mark.parametrize("state", [joined, manager])
def test_a_swarm_is_not_entered_while_the_one_before_it_holds_the_port_of_the_networks(states, engine, node, state):
    table = node.folder / "proc" / "net" / "tcp6"
    table.parent.mkdir(parents=True)
    table.write_text(f"  sl  local_address\n   0: {'0' * 32}:1F0A {'0' * 32}:0000 0A 00000000:00000000\n")
    ret = state(states, **({"key": KEY} if state is joined else {}))
    assert (ret.result, engine.changing) == (False, [])
    assert "restart it: systemctl restart docker" in ret.comment


def test_without_a_key_it_says_to_apply_the_master_first(states, engine):
    ret = joined(states)
    assert (ret.result, ret.changes, engine.changing) == (False, {}, [])
    assert "apply the master first" in ret.comment


def test_a_worker_that_has_joined_is_verified_without_a_key(states, engine):
    engine.working()
    ret = joined(states)
    assert (ret.result, ret.changes, engine.changing) == (True, {}, [])


def test_a_trial_joins_nothing(states, engine):
    assert (joined(states, key=KEY, test=True).result, engine.changing) == (None, [])


@pytest.mark.parametrize(
    ("given", "key", "why"),
    [
        ({"address": "10.0.0.77"}, {}, "known at 10.0.0.77"),
        ({"manager": "10.0.0.66"}, {}, "looks for the manager at 10.0.0.66"),
        ({"manager_id": "x" * 25}, {}, "the manager's swarm was made anew"),
        ({}, {}, "removed by the manager"),
    ],
)
def test_a_worker_of_ours_leaves_and_joins_anew_where_it_must(states, engine, given, key, why):
    engine.working(**given)
    known = [MANAGER] if why.startswith("removed") else [MANAGER, engine.swarm["NodeID"]]
    ret = joined(states, key={**KEY, "known": known})
    assert (ret.result, ret.changes["swarm"]["old"]) == (True, why)
    assert engine.changing == [("POST", "/swarm/leave"), ("POST", "/swarm/join")]


def test_a_worker_of_another_swarm_is_refused_and_not_touched(states, engine):
    engine.working("10.9.9.9", "x" * 25)
    for key in (None, KEY):
        ret = joined(states, key=key)
        assert (ret.result, ret.changes, engine.changing) == (False, {}, [])
        assert "in another swarm (of 10.9.9.9), which is not touched" in ret.comment


def test_a_worker_that_we_had_join_follows_the_manager_to_another_address(states, engine):
    joined(states, key=KEY)
    engine.calls.clear()
    moved = {"manager": "10.0.0.66", "key": {**KEY, "manager_id": "x" * 25, "address": "10.0.0.66"}}
    ret = states("mip_swarm.joined", name="swarm", address="10.0.0.21", **moved)
    assert (ret.result, ret.changes["swarm"]["old"]) == (True, f"looks for the manager at {OURS}")
    assert engine.changing == [("POST", "/swarm/leave"), ("POST", "/swarm/join")]


def test_without_a_key_it_stays_where_it_is_and_says_to_apply_the_master_first(states, engine):
    joined(states, key=KEY)
    engine.calls.clear()
    ret = states("mip_swarm.joined", name="swarm", address="10.0.0.21", manager="10.0.0.66")
    assert (ret.result, engine.changing) == (False, [])
    assert "apply the master first" in ret.comment


def test_one_that_was_found_in_our_swarm_is_known_as_ours_from_then_on_unless_it_was_a_trial(states, engine, node):
    noted = node.folder / "var" / "lib" / "mip-salt" / "swarm"
    engine.working()
    joined(states, test=True)
    assert not noted.exists()
    joined(states)
    assert noted.read_text().strip() == engine.swarm["NodeID"]


def test_a_manager_that_is_known_by_a_name_is_found_by_it(states, engine):
    engine.working("127.0.0.1")
    ret = states("mip_swarm.joined", name="swarm", address="10.0.0.21", manager="localhost")
    assert (ret.result, ret.changes) == (True, {})


def test_a_manager_of_another_swarm_is_refused_and_not_touched(states, engine):
    engine.managing("10.0.0.21")
    ret = joined(states, key=KEY)
    assert (ret.result, engine.changing) == (False, [])
    assert "itself the manager of a swarm" in ret.comment


def test_a_join_that_fails_says_which_port_to_look_at_and_hides_the_key(states, engine):
    engine.refuse["POST /swarm/join"] = (500, "rpc error: context deadline exceeded")
    ret = joined(states, key=KEY)
    assert (ret.result, ret.changes) == (False, {})
    assert f"is {OURS} port 2377/tcp open to this node?" in ret.comment
    assert TOKEN not in ret.comment


# --- left -------------------------------------------------------------------------------------------------------------


def test_a_worker_leaves_once(states, engine):
    engine.working()
    assert (states("mip_swarm.left", name="swarm", test=True).result, engine.changing) == (None, [])
    assert states("mip_swarm.left", name="swarm").changes == {"swarm": {"old": f"worker of {OURS}", "new": "none"}}
    assert (states("mip_swarm.left", name="swarm").result, states("mip_swarm.left", name="swarm").changes) == (True, {})


def test_a_manager_does_not_leave(states, engine):
    engine.managing()
    ret = states("mip_swarm.left", name="swarm")
    assert (ret.result, engine.changing) == (False, [])

"""The states of a swarm's network, as Salt runs them, before a mock of the engine: the real one is in integration."""

import pytest

SUBNET = {"subnet": "10.20.30.0/24", "gateway": "10.20.30.254"}


@pytest.fixture
def states(node):
    return node.loaders.states.mip_swarm_network


def network(states, **more):
    return states.present(name="mip-federation", **{**SUBNET, **more})


def test_the_network_is_made_encrypted_as_the_incumbent_makes_it(states, engine):
    assert network(states).result is True
    assert engine.networks == [
        {
            "Name": "mip-federation",
            "CheckDuplicate": True,
            "Driver": "overlay",
            "Attachable": False,
            "Options": {"encrypted": ""},
            "IPAM": {
                "Driver": "default",
                "Config": [{"Subnet": "10.20.30.0/24", "IPRange": "10.20.30.0/24", "Gateway": "10.20.30.254"}],
            },
        }
    ]
    again = network(states)
    assert (again.result, again.changes) == (True, {})


def test_a_trial_of_it_makes_no_network(states, engine):
    assert (network(states, test=True).result, engine.networks) == (None, [])


@pytest.mark.parametrize("other", [{"encrypted": False}, {"subnet": "10.99.0.0/24"}, {"mtu": 1400}])
def test_one_with_other_options_is_a_failure_that_tells_both_and_stays(states, engine, other):
    network(states)
    ret = network(states, **other)
    assert (ret.result, ret.changes, len(engine.networks)) == (False, {}, 1)
    assert "is there with overlay 10.20.30.0/24, gateway 10.20.30.254, encrypted, and wanted is overlay" in ret.comment
    assert [call for call in engine.changing if call[0] == "DELETE"] == []


def test_no_mtu_wanted_takes_any(states, engine):
    network(states, mtu=1400)
    assert network(states).result is True


def ip(node, script):
    tool = node.folder / "bin" / "ip"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


@pytest.mark.parametrize("test", [False, True])
def test_a_kernel_that_can_encrypt_is_well_and_keeps_nothing_of_the_trial(states, node, tmp_path, test):
    ip(node, f"echo $3 >> {tmp_path}/called")
    ret = states.encryptable(name="mip-federation", test=test)
    assert (ret.result, ret.changes) == (True, {})
    assert (tmp_path / "called").read_text().split() == ["add", "delete"]


def test_one_that_cannot_is_a_failure_that_says_why_and_what_to_do(states, node):
    ip(node, "echo 'Error: Requested AEAD algorithm not found.' >&2; exit 2")
    ret = states.encryptable(name="mip-federation")
    assert (ret.result, ret.changes) == (False, {})
    assert "Requested AEAD algorithm not found. Boot a kernel that has ESP" in ret.comment

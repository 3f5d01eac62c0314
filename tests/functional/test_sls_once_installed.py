"""The tree of states: what runs once a version of MIP is installed."""

import pytest
from functional.states import EVERY_NODE, low, named, running


def own(tree, role, **more):
    """Return what a role's states are beside those of every node."""
    return [one for one in low(tree, running(role, **more)) if one["__id__"] not in dict(EVERY_NODE)]


def test_the_master_holds_the_swarm_and_deploys_on_every_enabled_node_side_by_side(tree):
    assert [one["__id__"].removeprefix("mip-") for one in own(tree, "master")] == [
        "master-directory",
        *("swarm-encryptable", "swarm-manager", "swarm-network"),
        *("stacks-docker-compose-master.yml", "stacks-docker-compose-worker.yml"),
        *("stacks-ms-member", "stacks-wk1-member", "stacks-wk2-drained"),
        *("stacks-ms-deployed", "stacks-wk1-deployed"),
        *("stacks-ms-running", "stacks-wk1-running"),
        "stacks-healthy",
    ]


def test_exaremes_files_reach_the_master_as_they_are(tree):
    found = named(low(tree, running("master")))
    assert found["mip-stacks-docker-compose-master.yml"]["contents"] == "a: {{ 1 }}\n"
    deployed = found["mip-stacks-ms-deployed"]
    assert (deployed["name"], deployed["env"]) == ("brain-ms", {"A": "1"})
    assert deployed["compose"] == found["mip-stacks-docker-compose-master.yml"]["name"]
    assert found["mip-stacks-ms-member"]["labels"] == {"name": "brain-ms"}
    assert found["mip-stacks-healthy"]["nodes"] == ["brain-ms", "brain-wk1"]


def test_a_worker_joins_or_is_verified_and_its_states_hold_no_key(tree):
    given = running()
    given["mip"]["join"] = {"token": "SWMTKN-1-secret"}
    chunks = low(tree, given)
    joined = named(chunks)["mip-swarm-joined"]
    assert (joined["manager"], joined["address"]) == ("10.0.0.11", "10.0.0.21")
    assert "SWMTKN" not in str(chunks)


@pytest.mark.parametrize("role", ["master", "worker"])
def test_only_an_encrypted_network_asks_for_a_kernel_that_can(tree, role):
    assert "mip-swarm-encryptable" in named(low(tree, running(role)))
    assert "mip-swarm-encryptable" not in named(low(tree, running(role, encrypted=False)))


def test_the_front_ends_variables_are_shown_to_nobody(tree):
    env = named(low(tree, running("ui")))["mip-ui-env"]
    assert env["contents"] == ["EXAREME_IP=10.0.0.11", 'SECRET=a"b{{ 1+1 }}']
    assert (env["mode"], env["show_changes"]) == ("0600", False)


def test_the_front_end_starts_after_its_files_and_is_waited_for(tree):
    ids = [one["__id__"].removeprefix("mip-ui-") for one in own(tree, "ui")]
    assert ids[-5:] == ["Federation/docker-compose.yml", "env", "up", "answers", "reaches-the-master"]

"""The states of stacks, as Salt runs them, before a mock of the engine and of docker."""

import pytest
from mock_engine import MockEngine

COMPOSE = """\
version: '3.2'
services:
  exareme-keystore:
    image: bitnami/consul:1.8.3
  exareme-master:
    image: ${EXAREME_IMAGE}
    environment: ["NODE_NAME=${FEDERATION_NODE}"]
"""
ENV = {"EXAREME_IMAGE": "hbpmip/exareme:24.5.1", "FEDERATION_NODE": "brain-ms"}
BOTH = ["brain-ms_exareme-keystore", "brain-ms_exareme-master"]
FOREIGN = {"ID": "f", "Spec": {"Name": "other_web", "Labels": {"com.docker.stack.namespace": "other"}}}


@pytest.fixture
def engine(node):
    """The manager of a swarm, on which somebody else runs something too."""
    made = MockEngine(node.folder)
    made.managing()
    made.services["f"] = FOREIGN
    yield made
    assert made.services["f"] == FOREIGN
    made.close()


@pytest.fixture
def compose(tmp_path):
    path = tmp_path / "docker-compose-master.yml"
    path.write_text(COMPOSE)
    return path


@pytest.fixture
def states(node):
    return node.loaders.states.mip_stack


@pytest.fixture
def deployed(states, engine, compose):
    def run(env=ENV, **more):
        return states.deployed(name="brain-ms", compose=str(compose), env=env, **more)

    return run


def docker_calls(engine):
    called = engine.folder / "bin" / "called"
    return called.read_text().splitlines() if called.exists() else []


def service(engine, name="exareme-master"):
    return engine.services[f"id-brain-ms_{name}"]


def test_a_stack_is_deployed_from_the_file_as_it_is_with_its_variables(deployed, engine, compose):
    ret = deployed()
    assert (ret.result, sorted(ret.changes)) == (True, BOTH)
    assert ret.changes[BOTH[1]]["old"] is None
    assert compose.read_text() == COMPOSE
    spec = service(engine)["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert spec == {"Image": "hbpmip/exareme:24.5.1", "Env": ["NODE_NAME=brain-ms"]}


def test_the_second_time_docker_is_not_even_asked(deployed, engine):
    deployed()
    calls, before = len(docker_calls(engine)), engine.changing
    ret = deployed()
    assert (ret.result, ret.changes, len(docker_calls(engine)), engine.changing) == (True, {}, calls, before)
    assert deployed(test=True).result is True


def test_a_trial_deploys_nothing_and_tells_what_would_be(deployed, engine):
    ret = deployed(test=True)
    assert (ret.result, sorted(ret.changes), engine.changing) == (None, BOTH, [])


def test_a_trial_before_the_file_is_there_tells_that_it_would_be_deployed(deployed, compose):
    compose.unlink()
    assert (deployed(test=True).result, list(deployed(test=True).changes)) == (None, ["brain-ms"])
    assert "No such file" in deployed().comment


def test_another_image_restarts_and_says_so(deployed, engine):
    deployed()
    ret = deployed({**ENV, "EXAREME_IMAGE": "hbpmip/exareme:24.6.0"})
    assert f"restarted: {BOTH[1]}." in ret.comment
    assert (ret.changes[BOTH[1]]["new"], ret.changes[BOTH[0]]["new"]) == (f"{new(engine)}, restarted", new(engine))


def test_swarm_that_writes_to_a_service_at_the_same_moment_is_no_failure(deployed, engine):
    engine.stumbles = 2
    assert deployed().result is True
    assert deployed().changes == {}


def test_what_the_incumbent_deployed_is_adopted_without_a_restart(deployed, engine):
    deployed()
    for name in ("exareme-master", "exareme-keystore"):
        service(engine, name)["Spec"]["Labels"].pop("org.mip-salt.deployed")
    trial = deployed(test=True)
    assert trial.changes[BOTH[1]]["old"] == "not by mip-salt"
    assert trial.comment == f"Would be taken over as it runs, without a restart: {', '.join(BOTH)}."
    ret = deployed()
    assert (sorted(ret.changes), "nothing that ran was restarted" in ret.comment) == (BOTH, True)
    assert deployed().changes == {}


def test_a_service_changed_by_hand_is_seen_in_a_trial_and_put_back(deployed, engine):
    deployed()
    service(engine)["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] = ["NODE_NAME=brain-ms", "LOG_LEVEL=DEBUG"]
    assert deployed(test=True).changes == {BOTH[1]: {"old": "changed since by hand", "new": new(engine)}}
    assert f"restarted: {BOTH[1]}." in deployed().comment
    assert service(engine)["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] == ["NODE_NAME=brain-ms"]


def test_a_trial_names_what_would_be_restarted_and_why(deployed, engine):
    deployed()
    assert deployed({**ENV, "EXAREME_IMAGE": "hbpmip/exareme:24.6.0"}, test=True).comment == (
        f"Would be deployed again, without a restart: {BOTH[0]}. Would be RESTARTED: {BOTH[1]} (other image)."
    )


def new(engine):
    """What the services are deployed from."""
    return service(engine, "exareme-keystore")["Spec"]["Labels"]["org.mip-salt.deployed"].partition(".")[0]


def test_a_task_that_was_tried_anew_is_no_change_by_hand(deployed, engine):
    deployed()
    service(engine)["Spec"]["TaskTemplate"]["ForceUpdate"] = 3
    assert deployed(test=True).changes == {}


@pytest.mark.parametrize("text", ["services: [", "a: 1", "services: {}", "[]"])
def test_a_file_that_is_no_compose_file_is_a_failure(deployed, compose, engine, text):
    compose.write_text(text)
    ret = deployed()
    assert (ret.result, ret.changes, engine.changing) == (False, {}, [])


def test_a_file_that_is_too_large_is_refused_and_not_judged_by_its_beginning(deployed, compose, engine):
    compose.write_text(COMPOSE + "#" * (1 << 20))
    ret = deployed()
    assert (ret.result, ret.changes, engine.changing) == (False, {}, [])
    assert "too large for a compose file" in ret.comment


def test_a_hostname_with_dots_is_refused(states, engine, compose):
    for test in (True, False):
        ret = states.deployed(name="ms.brain.ch", compose=str(compose), env=ENV, test=test)
        assert ret.result is False
        assert "has no dots" in ret.comment


def test_docker_that_fails_is_told_in_its_own_words(deployed, engine):
    engine.refuse["POST /mock"] = (500, "network mip-federation not found")
    ret = deployed()
    assert (ret.result, ret.changes) == (False, {})
    assert "network mip-federation not found" in ret.comment


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_stack_whose_tasks_run_is_well(deployed, states):
    deployed()
    ret = states.running(name="brain-ms", timeout=1)
    assert (ret.result, ret.changes) == (True, {})
    assert "2 of 2 tasks run" in ret.comment


def test_a_task_for_which_no_node_is_found_is_tried_anew(deployed, states, engine):
    deployed()
    engine.pending = True
    ret = states.running(name="brain-ms", timeout=4)
    assert (ret.result, sorted(ret.changes)) == (True, BOTH)
    assert service(engine)["Spec"]["TaskTemplate"]["ForceUpdate"] == 1
    assert deployed().changes == {}


def test_a_trial_tries_nothing_anew(deployed, states, engine):
    deployed()
    engine.pending, before = True, engine.changing
    ret = states.running(name="brain-ms", test=True)
    assert (ret.result, engine.changing) == (None, before)
    assert "pending: no suitable node" in ret.comment


def test_what_does_not_run_in_time_is_told_with_swarms_own_reason(deployed, states, engine):
    deployed()
    engine.pending = True
    ret = states.running(name="brain-ms", timeout=0)
    assert ret.result is False
    assert "0 of 2 tasks run after 0 s: brain-ms_exareme-keystore is pending: no suitable node" in ret.comment


def test_a_stack_that_is_not_there_does_not_run(states, engine):
    ret = states.running(name="brain-wk9", timeout=0)
    assert (ret.result, "there is no such stack" in ret.comment) == (False, True)


# --- absent -----------------------------------------------------------------------------------------------------------


def test_a_stack_is_removed_once_and_no_other(deployed, states, engine):
    deployed()
    assert states.absent(name="brain-ms", test=True).result is None
    assert sorted(engine.services) == ["f", *(f"id-{full}" for full in BOTH)]
    assert sorted(states.absent(name="brain-ms").changes) == BOTH
    assert list(engine.services) == ["f"]
    again = states.absent(name="brain-ms")
    assert (again.result, again.changes) == (True, {})

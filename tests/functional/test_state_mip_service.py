"""Services of the swarm made anew, or seen to have ended, before a mock of the engine."""

import pytest
from mock_engine import NAMESPACE, WORKER, MockEngine
from mock_engine import node as swarm_node

STACK = {"brain-wk1": ["brain-wk1_exareme"], "brain-ms": ["brain-ms_exareme-keystore", "brain-ms_exareme-master"]}


def service(name, stack=""):
    labels = {NAMESPACE: stack} if stack else {}
    spec = {
        "Name": name,
        "Labels": labels,
        "TaskTemplate": {"ContainerSpec": {}},
        "Mode": {"Replicated": {"Replicas": 1}},
    }
    return {"ID": f"id-{name}", "Version": {"Index": 1}, "Spec": spec}


@pytest.fixture
def engine(node):
    """A manager on which two stacks and Portainer run."""
    made = MockEngine(node.folder)
    made.managing()
    made.nodes.append(swarm_node("brain-wk1"))
    for one in [*(service(name, stack) for stack, names in STACK.items() for name in names), service("mip-portainer")]:
        made.services[one["ID"]] = one
    yield made
    made.close()


@pytest.fixture
def states(node):
    return node.loaders.states.mip_service


def forced(engine):
    return {one["Spec"]["Name"] for one in engine.services.values() if one["Spec"]["TaskTemplate"].get("ForceUpdate")}


def test_every_service_of_a_stack_is_made_anew_and_no_other_one_after_the_other(states, engine):
    ret = states.anew(name="brain-ms", timeout=5)
    assert (ret.result, sorted(ret.changes)) == (True, STACK["brain-ms"])
    assert forced(engine) == set(STACK["brain-ms"])
    assert [path.split("/")[2] for _, path in engine.changing] == [f"id-{name}" for name in STACK["brain-ms"]]


def test_the_second_time_it_is_made_anew_again(states, engine):
    for _ in range(2):
        assert states.anew(name="brain-wk1", timeout=5).changes
    assert engine.services["id-brain-wk1_exareme"]["Spec"]["TaskTemplate"]["ForceUpdate"] == 2


def test_a_service_in_no_stack_is_named_whole(states, engine):
    assert states.anew(name="mip-portainer", timeout=5).result is True
    assert forced(engine) == {"mip-portainer"}
    assert "it is not there" in states.anew(name="mip-port", timeout=5).comment


def test_swarm_that_writes_at_the_same_moment_is_no_failure(states, engine):
    engine.stumbles = 2
    assert states.anew(name="brain-wk1", timeout=5).result is True


def test_a_trial_makes_nothing_anew(states, engine):
    ret = states.anew(name="brain-wk1", test=True)
    assert (ret.result, list(ret.changes), engine.changing) == (None, STACK["brain-wk1"], [])


def test_a_task_that_does_not_come_back_is_a_failure_with_swarms_reason_and_the_next_is_not_begun(states, engine):
    engine.stuck = True
    ret = states.anew(name="brain-ms", timeout=0)
    assert (ret.result, ret.changes) == (False, {})
    assert "brain-ms_exareme-keystore: pending: no suitable node" in ret.comment
    assert forced(engine) == {"brain-ms_exareme-keystore"}


def task(state, at=WORKER):
    return {"NodeID": at, "Status": {"State": state}}


def test_a_stack_has_ended_when_no_task_of_it_is_left(states, engine):
    engine.left = [task("shutdown"), task("failed")]
    ret = states.ended(name="brain-wk9", timeout=0)
    assert (ret.result, ret.changes, engine.changing) == (True, {}, [])


def test_a_container_that_goes_on_is_a_failure_which_names_its_node_and_that_ones_state(states, engine):
    engine.nodes[1]["Status"]["State"] = "down"
    engine.left = [task("running")]
    ret = states.ended(name="brain-wk9", timeout=0)
    assert ret.result is False
    assert "a task is running on brain-wk1, which is down" in ret.comment


def test_a_trial_of_an_end_waits_for_nothing(states, engine):
    assert states.ended(name="brain-wk1", test=True).result is True
    engine.left = [task("running")]
    assert states.ended(name="brain-wk9", test=True).result is None

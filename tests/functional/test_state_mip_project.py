"""A compose project stopped or restarted through the engine: what runs of it, and nothing else."""

import json

import pytest
from mock_engine import MockEngine

FOLDER = "/opt/mip-deployment/Federation"


def container(service, status="running", folder=FOLDER, policy="unless-stopped"):
    labels = {
        "com.docker.compose.project": "mipfederation",
        "com.docker.compose.service": service,
        "com.docker.compose.project.working_dir": folder,
    }
    return {
        "Id": f"{service:_<12}",
        "Name": f"/mipfederation_{service}_1",
        "Config": {"Labels": labels},
        "State": {"Status": status, "ExitCode": 0},
        "HostConfig": {"RestartPolicy": {"Name": policy}},
    }


@pytest.fixture
def engine(node):
    """An engine on which a front end and its back end run, and what made their databases has ended."""
    made = MockEngine(node.folder)
    made.holds = (node.folder / "bin" / "containers").write_text
    made.holds(json.dumps([container("backend"), container("frontend"), container("create_dbs", "exited")]))
    yield made
    (node.folder / "bin" / "containers").unlink()
    made.close()


@pytest.fixture
def states(node):
    return node.loaders.states.mip_project


@pytest.mark.parametrize(("state", "what"), [("stopped", "stop"), ("restarted", "restart")])
def test_what_runs_is_stopped_or_restarted_and_what_has_ended_is_not_run_again(states, engine, state, what):
    ret = getattr(states, state)(name="mipfederation", folder=FOLDER)
    assert (ret.result, sorted(ret.changes)) == (True, ["backend", "frontend"])
    assert engine.changing == [("POST", f"/containers/{name:_<12}/{what}") for name in ("backend", "frontend")]


@pytest.mark.parametrize("state", ["stopped", "restarted"])
def test_a_trial_touches_nothing(states, engine, state):
    ret = getattr(states, state)(name="mipfederation", folder=FOLDER, test=True)
    assert (ret.result, sorted(ret.changes), engine.changing) == (None, ["backend", "frontend"], [])


def test_where_nothing_runs_it_is_stopped_already_and_cannot_be_restarted(states, engine):
    engine.holds(json.dumps([container("backend", "exited")]))
    assert states.stopped(name="mipfederation", folder=FOLDER).result is True
    ret = states.restarted(name="mipfederation", folder=FOLDER)
    assert (ret.result, ret.comment) == (False, "Nothing of the project mipfederation runs: start it")
    assert engine.changing == []


def test_somebody_elses_project_of_the_same_name_is_left_alone(states, engine):
    engine.holds(json.dumps([container("web", folder="/srv/other")]))
    assert states.stopped(name="mipfederation", folder=FOLDER).changes == {}
    assert engine.changing == []


def test_an_engine_that_refuses_is_told_in_its_own_words(states, engine):
    engine.refuse["POST /containers"] = (500, "cannot stop container")
    ret = states.stopped(name="mipfederation", folder=FOLDER)
    assert (ret.result, ret.changes) == (False, {})
    assert "cannot stop container" in ret.comment

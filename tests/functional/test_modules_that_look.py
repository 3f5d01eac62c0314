"""What nodes tell of what runs: each one's engine, the manager, exareme's master and its keystore; before mocks."""

import base64
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mock_engine import NAMESPACE, MockEngine

SERVICE = "com.docker.swarm.service.name"
PROJECT = {"com.docker.compose.project": "mipfederation", "com.docker.compose.oneoff": "False"}


def container(name, labels, status="running", began="2026-01-01T00:00:00.123456789Z"):
    return {
        "Id": f"{name:_<12}",
        "Name": f"/{name}",
        "Config": {"Labels": labels},
        "State": {"Status": status, "ExitCode": 0, "StartedAt": began},
        "HostConfig": {"RestartPolicy": {"Name": "on-failure"}},
    }


@pytest.fixture
def engine(node):
    made = MockEngine(node.folder)
    made.managing()
    place = node.folder / "bin" / "containers"
    made.holds = lambda *found: place.write_text(json.dumps(found))
    made.holds()
    yield made
    place.unlink()
    made.close()


@pytest.fixture
def modules(node):
    return node.loaders.modules


def deployed(engine, name, stack, **labels):
    spec = {
        "Name": name,
        "Labels": {NAMESPACE: stack, **labels},
        "TaskTemplate": {"ContainerSpec": {"Image": "a:1@sha256:0"}},
    }
    spec["Mode"] = {"Replicated": {"Replicas": 1}}
    engine.services[f"id-{name}"] = {"ID": f"id-{name}", "Version": {"Index": 1}, "Spec": spec}


def test_a_container_is_told_with_the_time_since_it_started_by_the_nodes_own_clock(modules, engine):
    began = time.strftime("%Y-%m-%dT%H:%M:%S.0Z", time.gmtime(time.time() - 3600))
    engine.holds(container("a", {SERVICE: "brain-wk1_exareme"}, began=began))
    (told,) = modules.mip_running.containers()
    assert (told["service"], told["state"], told["project"]) == ("brain-wk1_exareme", "running", False)
    assert 3600 <= told["seconds"] < 3700


def test_of_the_front_ends_project_those_that_have_done_their_work_are_well_too(modules, engine):
    labels = {**PROJECT, "com.docker.compose.service": "create_dbs"}
    engine.holds(container("b", labels, status="exited"))
    (told,) = modules.mip_running.containers()
    assert told == {"service": "create_dbs", "state": "exited", "well": True, "project": True, "seconds": None}


def test_a_worker_tells_of_itself_and_the_manager_of_all(modules, engine):
    engine.working()
    assert set(modules.mip_running.look()) == {"swarm", "containers"}
    engine.managing()
    assert set(modules.mip_running.look()) == {"swarm", "containers", "nodes", "services", "health", "keystore"}


def test_a_service_is_told_with_its_tasks_whose_it_is_and_why_it_does_not_run(modules, engine):
    deployed(engine, "brain-wk1_exareme", "brain-wk1", **{"org.mip-salt.deployed": "x"})
    engine.pending = True
    (told,) = modules.mip_running.services()
    assert (told["stack"], told["ours"], told["image"], told["wanted"], told["running"]) == (
        "brain-wk1",
        True,
        "a:1",
        1,
        0,
    )
    assert told["why"] == ["pending: no suitable node"]


def test_a_look_changes_nothing(modules, engine):
    deployed(engine, "brain-wk1_exareme", "brain-wk1")
    modules.mip_running.look()
    assert engine.changing == []


# --- the keystore -----------------------------------------------------------------------------------------------------


@pytest.fixture
def consul(engine, monkeypatch):
    """A keystore's container at an address of its own, which answers as Consul does."""
    # Other tests run beside these.
    address = f"127.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.2"

    class Handler(BaseHTTPRequestHandler):
        status, said = 200, "[]"

        def do_GET(self):
            self.send_response(Handler.status if self.path == "/v1/kv/?recurse" else 500)
            self.end_headers()
            self.wfile.write(Handler.said.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((address, 8500), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    engine.holds(container("k", {SERVICE: "brain-ms_exareme-keystore"}))
    engine.bridged[f"{'k':_<12}"] = {"IPv4Address": f"{address}/16"}
    yield Handler
    server.shutdown()
    server.server_close()


def held(**pairs):
    return json.dumps([{"Key": key, "Value": base64.b64encode(text.encode()).decode()} for key, text in pairs.items()])


def test_the_keystore_tells_who_registered_and_which_datasets(modules, consul):
    consul.said = held(
        **{
            "master/brain-ms": "10.20.30.2\n",
            "active_workers/brain-wk1": "10.20.30.3",
            "data/brain-wk1/dementia": '["ppmi","adni",""]',
            "data/brain-wk1/tbi": "[]",
        }
    )
    assert modules.mip_exareme.keystore() == {
        "masters": {"brain-ms": "10.20.30.2"},
        "nodes": {"brain-wk1": "10.20.30.3"},
        "datasets": {"brain-wk1": {"dementia": ["adni", "ppmi"], "tbi": []}},
        "why": "",
    }


def test_an_empty_keystore_is_no_failure(modules, consul):
    consul.status = 404
    assert modules.mip_exareme.keystore() == {"masters": {}, "nodes": {}, "datasets": {}, "why": ""}


@pytest.mark.parametrize("said", ["", "{}", '[{"Key": 1}]', '[{"Key": "data/a/b", "Value": "!"}]', "[7]"])
def test_an_answer_that_is_none_of_a_keystores_is_told(modules, consul, said):
    consul.said = said
    assert "the keystore does not answer" in modules.mip_exareme.keystore()["why"]


def test_a_keystore_that_does_not_run_here_is_told(modules, engine):
    assert "no container of it runs on this node" in modules.mip_exareme.keystore()["why"]

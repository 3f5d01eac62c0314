"""What exareme's master says of its nodes, before a mock of its interface."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mock_engine import node as entry

SPACE = {"com.docker.stack.namespace": "brain-wk2"}


@pytest.fixture
def states(node):
    return node.loaders.states.mip_exareme


@pytest.fixture
def master(engine):
    """An interface of exareme's master that says what it is told to say."""

    class Handler(BaseHTTPRequestHandler):
        said = '{"active_nodes": "brain-ms, brain-wk1"}'

        def do_POST(self):
            body = Handler.said.encode() if self.path == "/mining/query/HEALTH_CHECK" else b""
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_port}"
    yield Handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "said", ['{"active_nodes": "brain-ms, brain-wk1"}', '{"active_nodes": ["brain-wk1", "brain-ms"]}']
)
def test_the_nodes_that_the_master_names_take_part(states, master, said):
    master.said = said
    ret = states.healthy(name=master.url, nodes=["brain-ms", "brain-wk1"], timeout=0)
    assert (ret.result, ret.changes, ret.comment) == (True, {}, "Take part: brain-ms, brain-wk1.")


def test_one_that_is_missing_and_does_not_run_is_not_waited_for(states, master):
    ret = states.healthy(name=master.url, nodes=["brain-ms", "brain-wk2"], timeout=3600)
    assert ret.result is False
    assert "missing: brain-wk2; there: brain-ms, brain-wk1" in ret.comment


def test_one_that_must_join_anew_because_its_address_changed_is_not_waited_for(states, master, engine):
    engine.nodes.append(entry("brain-wk2", address="10.0.0.22"))
    engine.services["s"] = {"ID": "s", "Spec": {"Name": "brain-wk2_exareme", "Mode": {}, "Labels": SPACE}}
    given = {"name": master.url, "nodes": ["brain-wk2"], "timeout": 3600}
    ret = states.healthy(**given, addresses={"brain-wk2": "10.0.0.99"})
    assert (ret.result, "missing: brain-wk2" in ret.comment) == (False, True)


@pytest.mark.parametrize("said", ["", "<html>", "[]", '{"active_nodes": 7}', '{"error": "no workers"}'])
def test_an_answer_that_is_none_of_exaremes_is_a_failure(states, master, said):
    master.said = said
    ret = states.healthy(name=master.url, nodes=["brain-ms"], timeout=0)
    assert ret.result is False
    assert "does not answer as exareme does" in ret.comment


def test_what_is_no_web_server_is_a_failure_too(states, engine, no_web_server):
    ret = states.healthy(name=no_web_server, nodes=["brain-ms"], timeout=0)
    assert ret.result is False
    assert "does not answer as exareme does" in ret.comment


def test_a_trial_of_health_waits_for_nothing(states, master):
    ret = states.healthy(name=master.url, nodes=["brain-wk2"], test=True)
    assert (ret.result, list(ret.changes)) == (None, ["takes part"])

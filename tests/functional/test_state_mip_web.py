"""The state of a web server that answers, as Salt runs it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def web(node):
    """A web server that answers with a status that it is told."""

    class Handler(BaseHTTPRequestHandler):
        status = 200

        def do_GET(self):
            self.send_response(Handler.status)
            self.send_header("Location", "https://192.0.2.1/")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/"
    Handler.states = node.loaders.states.mip_web
    yield Handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "well"), [(200, True), (302, True), (404, True), (502, False)])
def test_a_server_that_answers_is_well_whatever_it_answers_but_a_failure_of_its_own(web, status, well):
    web.status = status
    ret = web.states.answers(name=web.url, timeout=0)
    assert (ret.result, ret.changes, str(status) in ret.comment) == (well, {}, True)


def test_one_that_does_not_answer_is_a_failure_and_in_a_trial_what_would_be_waited_for(node):
    states = node.loaders.states.mip_web
    assert "Connection refused" in states.answers(name="http://127.0.0.1:1/", timeout=0).comment
    assert states.answers(name="http://127.0.0.1:1/", test=True).result is None


def test_what_is_no_web_server_is_a_failure_that_says_so(node, no_web_server):
    ret = node.loaders.states.mip_web.answers(name=no_web_server, timeout=0)
    assert (ret.result, ret.changes) == (False, {})
    assert "what answers is no web server" in ret.comment

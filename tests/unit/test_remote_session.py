"""All nodes are asked in one loop, over connections that stay open for a command; ssh is a stand-in that answers."""

import os
import selectors
import socket
import sys
from pathlib import Path

import pytest
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote import pusher
from mip_salt.remote.connection import Connection, Lost
from mip_salt.remote.greeting import Greeting
from mip_salt.remote.results import Kind
from mip_salt.remote.run import Session, collect, run
from mip_salt.remote.thin import Thin
from waiting import runs, until

NODES = ["ms", "wk1", "wk2", "wk3"]
# Answers every call with its own pid and the function's name; what it says first, and whether it says more, is by node.
SSH = """#!{python}
import json, os, sys, time
name = next(word for word in sys.argv if word.startswith("HostKeyAlias=")).partition("=")[2]
with open({log!r}, "a") as log:
    log.write(name + "\\n")
def send(kind, data):
    body = json.dumps(data).encode()
    os.write(1, b"\\x01mip" + kind.encode() + b"%08x" % len(body) + body)
def take(size):
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data
def receive():
    head = take(9)
    return head[:1].decode(), take(int(head[1:], 16))
def calls():
    while True:
        kind, body = receive()
        yield json.loads(body)
assert take(5) == b"\\x01MIP\\n"
config, modules = json.loads(receive()[1]), receive()
send("h", {{"missing": config["thin"] == "missing"}})
{more}
send("g", {{"grains": {{"id": name}}}})
for call in calls():
    {on_call}
    send("r", {{"return": [os.getpid(), call["function"]], "retcode": 0}})
"""


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(folder.agent_socket))
        agent.listen(8)
        yield folder


@pytest.fixture
def federation():
    nodes = {
        name: {"role": "master" if name == "ms" else "worker", "address": f"10.0.0.{i}"}
        for i, name in enumerate(NODES, 1)
    }
    return Federation.model_validate({"federation": "brain", "nodes": nodes})


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """Give what puts a stand-in for ssh in place, and tells for which nodes it was started."""

    def put(on_call="pass", more="", thin="there"):
        monkeypatch.setattr(pusher, "thin", lambda cache: Thin(thin, b"packed" * 100_000))
        monkeypatch.setattr(pusher, "remembered", lambda folder, digest: Greeting(digest, {}, b"modules"))
        (tmp_path / "bin").mkdir(exist_ok=True)
        stand_in = tmp_path / "bin" / "ssh"
        stand_in.write_text(
            SSH.format(python=sys.executable, log=str(tmp_path / "started"), on_call=on_call, more=more)
        )
        stand_in.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        return lambda: sorted((tmp_path / "started").read_text().split())

    return put


def test_every_node_is_asked_and_nothing_is_left_running(folder, federation, ssh):
    started = ssh()
    results = list(run(folder, federation, NODES, "test.ping", deadline=30, jobs=2))
    assert {result.id: result.kind for result in results} == dict.fromkeys(NODES, Kind.OK)
    assert started() == NODES
    assert not any(Path(f"/proc/{result.data[0]}").exists() for result in results)


def test_a_session_asks_further_things_over_the_same_connections(folder, federation, ssh):
    started = ssh()
    with Session(folder, federation, jobs=4) as session:
        first = {result.id: result.data for result in session.run(NODES, "test.ping", deadline=30)}
        second = {result.id: result.data for result in session.run(NODES[:2], "cmd.run", ["true"], deadline=30)}
    assert {name: data[1] for name, data in second.items()} == {"ms": "cmd.run", "wk1": "cmd.run"}
    assert all(second[name][0] == first[name][0] for name in second)
    assert started() == NODES
    assert not any(Path(f"/proc/{pid}").exists() for pid, _ in first.values())


def test_a_node_whose_connection_has_served_is_asked_again_over_another(folder, federation, ssh):
    started = ssh()
    with Session(folder, federation, jobs=4) as session:
        list(session.run(["ms", "wk1"], "test.ping", deadline=30, last=lambda result: result.id == "wk1"))
        list(session.run(["ms", "wk1"], "test.ping", deadline=30))
    assert started() == ["ms", "wk1", "wk1"]


def test_a_node_that_ended_its_work_after_ctrl_c_answers_over_another_connection(folder, federation, ssh):
    at_work = "send('p', {'done': 0, 'total': 1, 'state': 'x'}); time.sleep(1)"
    started = ssh(on_call=f"if call['function'] == 'slow': {at_work}")

    def stop(at):
        raise KeyboardInterrupt

    with Session(folder, federation, jobs=4) as session:
        collect(session.run(["ms"], "slow", deadline=30, on_progress=stop), ["ms"], lambda _: None)
        (after,) = session.run(["ms"], "test.ping", deadline=30)
    assert (after.kind, after.data[1]) == (Kind.OK, "test.ping")
    assert started() == ["ms", "ms"]


def test_a_connection_that_was_lost_meanwhile_is_made_anew(folder, federation, ssh):
    started = ssh()
    with Session(folder, federation, jobs=4) as session:
        ((pid, _),) = [result.data for result in session.run(["ms"], "test.ping", deadline=30)]
        os.kill(pid, 9)
        assert until(lambda: not runs(pid))
        (again,) = session.run(["ms"], "test.ping", deadline=30)
    assert (again.kind, again.data[0] != pid) == (Kind.OK, True)
    assert started() == ["ms", "ms"]


def test_a_node_that_does_not_answer_in_time_costs_only_itself(folder, federation, ssh):
    ssh(on_call="time.sleep(600 if name == 'wk1' else 0)")
    results = {result.id: result for result in run(folder, federation, NODES, "test.ping", deadline=3, jobs=4)}
    assert {name: str(result.kind) for name, result in results.items()} == {
        **dict.fromkeys(NODES, "ok"),
        "wk1": "unreachable",
    }
    assert "3 s" in results["wk1"].error


def test_a_thin_that_a_node_lacks_is_sent_though_it_fits_no_pipe(folder, federation, ssh):
    ssh(more="assert receive() == ('P', b'packed' * 100_000)", thin="missing")
    assert [result.kind for result in run(folder, federation, NODES, "test.ping", deadline=30, jobs=4)] == [Kind.OK] * 4


def test_answers_to_nothing_that_was_asked_are_not_heard(folder, federation, ssh):
    ssh(more="send('r', {'return': 'a lie', 'retcode': 0}); send('q', {}); send('p', {'state': 'x'})")
    results = list(run(folder, federation, ["ms"], "test.ping", deadline=30, jobs=1))
    assert results[0].data[1] == "test.ping"


def test_progress_is_told_as_it_comes(folder, federation, ssh):
    ssh(on_call="send('p', {'done': 1, 'total': 2, 'state': 'file.managed x'})")
    told = []
    list(run(folder, federation, ["ms"], "test.ping", deadline=30, jobs=1, on_progress=told.append))
    assert [(at.node, at.done, at.total, at.state) for at in told] == [("ms", 1, 2, "file.managed x")]


def test_no_more_nodes_are_worked_on_at_once_than_allowed(folder, federation, ssh):
    ssh()
    begun, most = [], []
    for result in run(folder, federation, NODES, "test.ping", deadline=30, jobs=2, on_start=begun.append):
        most.append(len(begun) - len(most))
        assert result.kind is Kind.OK
    assert max(most) <= 2


def test_a_connection_says_once_that_it_has_ended(folder, federation, ssh):
    ssh(more="sys.stderr.write('why'); sys.stderr.flush(); os._exit(3)")
    with selectors.DefaultSelector() as selector:
        connection = Connection(folder, federation, "ms", selector)
        connection.send(Greeting("x", {}, b"").to("ms", "me", lock=False))
        ends = []

        def pump():
            for key, _ in selector.select(0.05):
                try:
                    list(connection.pump(key.fd))
                except Lost as lost:
                    ends.append(lost.said)
            return ends

        assert until(pump)
        list(connection.pump(-1))
        assert (ends, connection.has_ended, connection.end(5)) == (["why"], True, 3)

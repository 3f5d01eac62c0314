"""The state of daemon.json, as Salt runs it: merged, never overwritten, and no restart for nothing."""

import json
import os
import stat

import pytest
from functional.engines import Engine, path_with

KEYS = {"log-opts": {"max-size": "10m"}, "debug": None}


@pytest.fixture
def engine(node, monkeypatch):
    """A node with an engine that runs, and no daemon.json."""
    engine = Engine(node.folder)
    monkeypatch.setenv("PATH", path_with(engine))
    engine.run("26.1.5")
    yield engine
    engine.close()


def merged(node, keys=KEYS, **more):
    return node.loaders.states.mip_daemon_json.merged(name="/etc/docker/daemon.json", keys=keys, **more)


def restarts(engine):
    return engine.called.count("restart docker.service")


def found(engine):
    return json.loads(engine.daemon_json.read_text())


def test_a_missing_file_is_made_and_the_engine_restarted_once(node, engine):
    ret = merged(node)
    assert ret.result is True
    assert ret.changes["log-opts"] == {"old": None, "new": {"max-size": "10m"}}
    assert ret.changes["engine"] == {"old": "running", "new": "restarted"}
    assert found(engine) == {"log-opts": {"max-size": "10m"}}
    assert stat.S_IMODE(engine.daemon_json.stat().st_mode) == 0o644
    assert restarts(engine) == 1
    assert not engine.restart_due.exists()
    assert (merged(node).changes, restarts(engine)) == ({}, 1)


def test_other_keys_survive_mode_and_owner_too(node, engine):
    engine.daemon_json.write_text(
        '{"proxies": {"http-proxy": "http://p:3128"}, "debug": true, "log-opts": {"tag": "x"}}'
    )
    engine.daemon_json.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(engine.daemon_json, 65534, 65534)
    before = engine.daemon_json.stat()
    ret = merged(node)
    assert set(ret.changes) == {"debug", "log-opts", "engine"}
    assert found(engine) == {"proxies": {"http-proxy": "http://p:3128"}, "log-opts": {"tag": "x", "max-size": "10m"}}
    after = engine.daemon_json.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


@pytest.mark.parametrize(
    "text", ['{"log-opts":{"max-size":"10m"}}', '\n{ "a": 1,\n"log-opts" : {"max-size":"10m"} }\n']
)
def test_a_file_that_says_so_in_other_words_stays_to_the_byte_and_nothing_restarts(node, engine, text):
    engine.daemon_json.write_text(text)
    ret = merged(node)
    assert (ret.result, ret.changes, ret.comment) == (True, {}, "Already so.")
    assert (engine.daemon_json.read_text(), engine.called) == (text, [])


def test_a_trial_tells_and_changes_nothing(node, engine):
    engine.daemon_json.write_text('{"debug": true}')
    ret = merged(node, test=True)
    assert ret.result is None
    assert ret.changes == {
        "debug": {"old": True, "new": None},
        "log-opts": {"old": None, "new": {"max-size": "10m"}},
    }
    assert (engine.daemon_json.read_text(), engine.called) == ('{"debug": true}', [])
    engine.daemon_json.write_text('{"log-opts": {"max-size": "10m"}}')
    assert merged(node, test=True).result is True


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("text", ["{broken", "[]", '"a"', "{'a': 1}", "\udcff", "{" * 100_000])
def test_a_broken_file_is_a_failure_and_stays_as_it_is(node, engine, text, test):
    content = text.encode("utf-8", "surrogateescape")
    engine.daemon_json.write_bytes(content)
    ret = merged(node, test=test)
    assert (ret.result, ret.changes) == (False, {})
    assert "it is left as it is: mend it" in ret.comment
    assert (engine.daemon_json.read_bytes(), engine.called) == (content, [])


def test_an_empty_file_is_one_without_keys(node, engine):
    engine.daemon_json.write_text("\n")
    assert merged(node).result is True
    assert found(engine) == {"log-opts": {"max-size": "10m"}}


def test_an_engine_that_does_not_come_back_gets_the_old_file_again(node, engine):
    engine.daemon_json.write_text('{"mtu": 1450}')
    ret = merged(node, {"broken": True})
    assert (ret.result, ret.changes) == (False, {})
    assert "is back, and the engine runs again with it" in ret.comment
    assert (engine.daemon_json.read_text(), restarts(engine)) == ('{"mtu": 1450}', 2)
    assert not engine.restart_due.exists()


def test_where_there_was_no_file_there_is_none_again(node, engine):
    assert merged(node, {"broken": True}).result is False
    assert not engine.daemon_json.exists()


def test_a_file_that_dockerd_refuses_is_never_put_in_place(node, engine):
    (engine.bin / "dockerd").write_text('#!/bin/sh\necho "unable to configure: $2" >&2; exit 1\n')
    engine.daemon_json.write_text("{}")
    ret = merged(node)
    assert ret.result is False
    assert "dockerd refuses the merged" in ret.comment
    assert (engine.daemon_json.read_text(), engine.called[1:]) == ("{}", [])


def test_a_restart_that_was_interrupted_is_made_up_for(node, engine):
    merged(node)
    engine.restart_due.touch()
    assert merged(node, test=True).result is None
    ret = merged(node)
    assert (ret.result, ret.changes) == (True, {"engine": {"old": "running", "new": "restarted"}})
    assert restarts(engine) == 2
    assert not engine.restart_due.exists()


def test_an_engine_that_is_no_unit_of_systemd_is_left_alone(node, engine):
    engine.unit(load="not-found", enabled="")
    ret = merged(node)
    assert ret.result is False
    assert "its engine is not docker.service's" in ret.comment
    assert not engine.daemon_json.exists()

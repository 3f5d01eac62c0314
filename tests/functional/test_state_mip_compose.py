"""The state of compose, as Salt runs it: one that runs stays, the best that apt offers is chosen."""

import pytest
from functional.engines import Engine, path_with

BEST_FIRST = ["docker-compose-plugin", "docker-compose-v2", "docker-compose"]


@pytest.fixture
def machine(node, monkeypatch):
    """A node without compose."""
    engine = Engine(node.folder)
    monkeypatch.setenv("PATH", path_with(engine))
    yield engine
    for name in ("docker", "docker-compose"):
        (engine.bin / name).unlink(missing_ok=True)
    engine.close()


def command(machine, name, script):
    (machine.bin / name).write_text(f"#!/bin/sh\n{script}\n")
    (machine.bin / name).chmod(0o755)


def installed(node, **more):
    return node.loaders.states.mip_compose.installed(name="compose", packages=BEST_FIRST, **more)


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(
    ("name", "version", "told"),
    [
        ("docker", "v2.26.1-4", "docker compose 2.26.1-4"),
        ("docker", "2.30.3+ds1-0ubuntu1~24.04.1", "docker compose 2.30.3+ds1-0ubuntu1~24.04.1"),
        ("docker-compose", "1.29.2", "docker-compose 1.29.2"),
    ],
)
def test_a_compose_that_runs_stays_and_apt_is_not_asked(node, machine, name, version, told, test):
    command(machine, name, f"echo {version}")
    ret = installed(node, test=test)
    assert (ret.result, ret.changes, machine.called) == (True, {}, [])
    assert ret.comment == f"Already so: {told} runs."


def test_compose_2_is_found_before_compose_1(node, machine):
    command(machine, "docker", "echo 2.26.1")
    command(machine, "docker-compose", "echo 1.29.2")
    assert "docker compose 2.26.1" in installed(node).comment


@pytest.mark.parametrize(
    "script", ["echo 'docker: compose is not a docker command' >&2; exit 1", "echo hello", "exit 0"]
)
def test_one_that_does_not_run_is_none(node, machine, script):
    command(machine, "docker", script)
    assert installed(node, test=True).result is None


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        ({"docker-compose": "1.29.2-3"}, "docker-compose"),
        ({"docker-compose": "1.29.2-6", "docker-compose-v2": "2.20.2"}, "docker-compose-v2"),
        ({"docker-compose-v2": "2.20.2", "docker-compose-plugin": "2.29.1"}, "docker-compose-plugin"),
    ],
)
def test_a_trial_tells_the_best_that_apt_offers(node, machine, offers, chosen):
    machine.offer(**offers)
    ret = installed(node, test=True)
    assert (ret.result, ret.changes) == (None, {chosen: {"old": "", "new": offers[chosen]}})
    assert [call for call in machine.called if "install" in call or "update" in call] == []


def test_none_to_be_had_is_a_failure(node, machine):
    ret = installed(node)
    assert (ret.result, ret.changes) == (False, {})
    assert "apt on the node offers none of docker-compose-plugin, docker-compose-v2, docker-compose" in ret.comment

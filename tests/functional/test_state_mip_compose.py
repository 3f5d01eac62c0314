"""The states of compose, as Salt runs them: one that runs stays, the best that apt offers is chosen; and a project."""

import json
import os
from types import SimpleNamespace

import pytest
from functional.engines import Engine, path_with
from mock_engine import MockEngine

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


# --- a project ----------------------------------------------------------------------------------------------------

HASHES = "frontend 1f\\ncreate_dbs 2c"
# Compose as it is called: it tells its version, the hashes of what its files say, and notes when it starts them.
COMPOSE = """\
case "$*" in
version*) echo 1.29.2;;
*"config --hash"*) printf '{hashes}\\n';;
*) echo "compose $*" >> {bin}/called; cp {bin}/after {bin}/containers;;
esac"""


@pytest.fixture
def project(node, monkeypatch, tmp_path):
    """A compose project, a mock of the engine that holds its containers, and a compose that starts them."""
    mock = MockEngine(node.folder)
    machine = SimpleNamespace(
        bin=node.folder / "bin", mock=mock, folder=tmp_path, states=node.loaders.states.mip_compose
    )
    monkeypatch.setenv("PATH", f"{machine.bin}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    (machine.bin / "docker").write_text("#!/bin/sh\nexit 1\n")
    command(machine, "docker-compose", COMPOSE.format(bin=machine.bin, hashes=HASHES))
    machine.after = [container("frontend", "1f", "a"), container("create_dbs", "2c", "b", state="exited")]
    (machine.bin / "after").write_text(json.dumps(machine.after))
    hold(machine, [])
    yield machine
    mock.close()
    for name in ("docker-compose", "after", "containers"):
        (machine.bin / name).unlink(missing_ok=True)


def hold(project, containers):
    (project.bin / "containers").write_text(json.dumps(containers))


def container(service, hashed, name, *, state="running", status=0, restart=None):
    restart = restart or ("on-failure" if service == "create_dbs" else "unless-stopped")
    labels = {"service": service, "config-hash": hashed, "project": "mipfederation"}
    return {
        "Id": name * 64,
        "Name": f"/mipfederation_{service}_1",
        "State": {"Status": state, "ExitCode": status},
        "HostConfig": {"RestartPolicy": {"Name": restart}},
        "Config": {"Labels": {f"com.docker.compose.{key}": value for key, value in labels.items()}},
    }


def up(project, **more):
    return project.states.up(name="mipfederation", folder=str(project.folder), **more)


def started(project):
    called = project.bin / "called"
    return [line for line in called.read_text().splitlines() if "up -d" in line] if called.exists() else []


def test_a_project_is_started_and_the_second_time_left_alone(project):
    first = up(project)
    assert (first.result, sorted(first.changes), len(started(project))) == (True, ["create_dbs", "frontend"], 1)
    assert first.changes["frontend"] == {"old": "none", "new": f"{'a' * 12} running"}
    second = up(project)
    assert (second.result, second.changes, len(started(project))) == (True, {}, 1)


def test_a_trial_starts_nothing_and_tells_what_would_be(project):
    ret = up(project, test=True)
    assert (ret.result, sorted(ret.changes), started(project)) == (None, ["create_dbs", "frontend"], [])


def test_a_trial_before_its_files_are_there_tells_that_it_would_be_started(project):
    (project.folder / "docker-compose.yml").unlink()
    assert (up(project, test=True).result, list(up(project, test=True).changes)) == (None, ["mipfederation"])


# Compose as far as it reads files: what it tells of a service is what they hold.
READING = """\
case "$*" in
version*) echo 1.29.2;;
*"config --hash"*)
  compose=docker-compose.yml env=.env
  while [ $# -gt 0 ]; do case $1 in -f) compose=$2;; --env-file) env=$2;; esac; shift; done
  echo "frontend $(cat "$compose" "$env" | tr '\\n' -)";;
esac"""


def test_a_trial_reads_the_files_as_they_are_to_be_and_leaves_them(project):
    command(project, "docker-compose", READING)
    (project.folder / "docker-compose.yml").write_text("old\n")
    (project.folder / ".env").write_text("A=old\n")
    hold(project, [container("frontend", "new-A=1-B=2-", "c")])
    assert up(project, test=True).comment == "Would be RESTARTED, with other settings: frontend; nothing else of it."
    assert up(project, test=True, compose="new\n", env=["A=1", "B=2"]).comment == "Already so."
    assert (project.folder / ".env").read_text() == "A=old\n"


@pytest.mark.parametrize(
    ("there", "old"),
    [
        (container("frontend", "00", "c"), "other settings"),
        (container("frontend", "1f", "c", state="exited"), "exited"),
        (container("frontend", "1f", "c", state="exited", restart="no"), "exited"),
    ],
)
def test_what_does_not_run_as_the_files_say_is_started(project, there, old):
    hold(project, [there, project.after[1]])
    assert up(project, test=True).changes["frontend"]["old"] == old
    assert list(up(project).changes) == ["frontend"]


def test_a_one_off_that_failed_is_started_again(project):
    hold(project, [project.after[0], container("create_dbs", "2c", "b", state="exited", status=1)])
    assert list(up(project, test=True).changes) == ["create_dbs"]


def test_compose_that_fails_is_told_in_its_own_words(project):
    command(
        project, "docker-compose", "case \"$*\" in version*) echo 1.29.2;; *) echo 'no such image' >&2; exit 1;; esac"
    )
    ret = up(project)
    assert (ret.result, ret.changes) == (False, {})
    assert "no such image" in ret.comment

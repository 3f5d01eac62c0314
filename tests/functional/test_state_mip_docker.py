"""The states of the Docker engine, as Salt runs them: there, absent, stopped, too old, and in a trial."""

import pytest
from functional.engines import Engine, path_with


@pytest.fixture
def engine(node, monkeypatch):
    """A node without an engine, on which apt offers a safe one."""
    engine = Engine(node.folder)
    monkeypatch.setenv("PATH", path_with(engine))
    engine.offer(docker_io="26.1.5+dfsg1-9")
    yield engine
    engine.close()


def installed(node, **more):
    return node.loaders.states.mip_docker.installed(
        name="docker.io", packages=["docker.io"], optional=["docker-cli"], **more
    )


def running(node, **more):
    return node.loaders.states.mip_docker.running(name="docker", **more)


def asked_of_apt(engine):
    return [call for call in engine.called if call.startswith("apt")]


# --- installed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "23.0.3", "27.3.1"])
def test_an_engine_that_is_there_stays_and_apt_is_not_asked(node, engine, version, test):
    engine.run(version)
    ret = installed(node, test=test)
    assert (ret.result, ret.changes) == (True, {})
    assert ret.comment == f"Already so: Docker engine {version} runs."
    assert engine.called == []


@pytest.mark.parametrize("test", [False, True])
def test_a_stopped_engine_stays_too(node, engine, test):
    engine.install()
    ret = installed(node, test=test)
    assert (ret.result, ret.changes, asked_of_apt(engine)) == (True, {}, [])


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("state", [installed, running])
@pytest.mark.parametrize("version", ["20.10.23+dfsg1", "23.0.2", "19.03.8", "dev"])
def test_an_engine_below_the_floor_is_a_failure_that_says_what_to_do(node, engine, state, version, test):
    engine.run(version)
    ret = state(node, test=test)
    assert (ret.result, ret.changes) == (False, {})
    assert f"Docker engine {version} is below the safe floor" in ret.comment
    assert "CVE-2023-28840" in ret.comment
    assert "Upgrade it where it came from" in ret.comment
    assert engine.called == [] or state is running


def test_a_trial_tells_what_would_be_installed_and_downloads_nothing(node, engine):
    ret = installed(node, test=True)
    assert ret.result is None
    assert ret.changes == {"docker.io": {"old": "", "new": "26.1.5+dfsg1-9"}}
    assert asked_of_apt(engine) == ["apt-cache policy docker.io"]


def test_a_trial_warns_of_a_version_below_the_floor(node, engine):
    engine.offer(docker_io="20.10.12-0ubuntu4")
    ret = installed(node, test=True)
    assert ret.result is None
    assert "Mind: docker.io 20.10.12-0ubuntu4" in ret.comment


def test_a_package_below_the_floor_is_not_installed(node, engine):
    engine.offer(docker_io="20.10.12-0ubuntu4")
    ret = installed(node)
    assert (ret.result, ret.changes) == (False, {})
    assert "docker.io 20.10.12-0ubuntu4, which apt on the node offers, is below the safe floor" in ret.comment
    assert "Enable the release's -updates" in ret.comment
    assert not [call for call in asked_of_apt(engine) if "install" in call]


def test_a_release_without_the_package_is_a_failure(node, engine):
    (engine.bin / "offers" / "docker.io").unlink()
    ret = installed(node)
    assert ret.result is False
    assert "apt on the node offers no docker.io" in ret.comment


@pytest.mark.parametrize("test", [False, True])
def test_podman_in_dockers_place_is_no_engine(node, engine, test):
    engine.run("4.3.1", Components=[{"Name": "Podman Engine"}])
    ret = installed(node, test=test)
    assert ret.result is False
    assert "is not Docker's engine: Podman Engine" in ret.comment


# --- running -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", [False, True])
def test_an_engine_that_runs_is_not_touched(node, engine, test):
    engine.run("26.1.5")
    ret = running(node, test=test)
    assert (ret.result, ret.changes) == (True, {})
    assert [call.split()[0] for call in engine.called] == ["show"]


def test_an_engine_that_would_not_start_at_boot_will(node, engine):
    engine.run("26.1.5")
    engine.unit(enabled="disabled")
    assert running(node, test=True).result is None
    assert "enable --now docker.service" not in engine.called
    ret = running(node)
    assert ret.result is True
    assert ret.changes == {"at boot": {"old": "stays off", "new": "starts"}}
    assert "enable --now docker.service" in engine.called


def test_a_stopped_engine_would_be_started(node, engine):
    engine.install()
    ret = running(node, test=True)
    assert (ret.result, ret.changes) == (None, {"engine": {"old": "stopped", "new": "running"}})
    assert {call.split()[0] for call in engine.called} == {"show"}


@pytest.mark.parametrize("test", [False, True])
def test_a_stopped_engine_of_a_snap_or_a_tarball_is_left_to_its_own_means_and_no_second_one_installed(
    node, engine, test
):
    engine.install()
    engine.unit(load="not-found")
    assert (installed(node, test=test).changes, asked_of_apt(engine)) == ({}, [])
    ret = running(node, test=test)
    assert (ret.result, ret.changes) == (False, {})
    assert "start it by its own means, as snap start --enable docker" in ret.comment


def test_one_that_does_not_start_is_a_failure_with_the_reason(node, engine):
    engine.install()
    engine.daemon_json.write_text("broken")
    ret = running(node)
    assert (ret.result, ret.changes) == (False, {})
    assert "systemctl enable: broken (see: journalctl -u docker.service)" in ret.comment


def test_none_to_run_is_a_failure_and_in_a_trial_would_be_there_by_then(node, engine):
    assert running(node).result is False
    assert running(node, test=True).result is None

"""The state of the clock, as Salt runs it: a container, a daemon there, stopped, masked, and none."""

import pytest
from functional.engines import Engine, path_with


@pytest.fixture
def machine(node, monkeypatch):
    """A machine with systemd that is no container and has no NTP daemon."""
    engine = Engine(node.folder)
    monkeypatch.setenv("PATH", path_with(engine))
    container = node.folder / "run" / "systemd" / "container"
    container.unlink(missing_ok=True)

    def units(file="units", **states):
        rows = [(f"{name.replace('_', '-')}.service", *state.split()) for name, state in states.items()]
        rows += [("ntp.service", "not-found", "inactive")]
        blocks = [f"Id={name}\nLoadState={load}\nActiveState={active}\n" for name, load, active in rows]
        (engine.bin / file).write_text("\n".join(blocks))

    engine.units, engine.container = units, container
    engine.units()
    yield engine
    container.unlink(missing_ok=True)
    engine.close()


def synchronised(node, **more):
    return node.loaders.states.mip_time.synchronised(name="chrony", **more)


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("daemon", ["chrony", "ntpsec", "openntpd", "systemd_timesyncd"])
def test_a_daemon_that_runs_is_left_alone_whatever_its_kind(node, machine, daemon, test):
    machine.units(**{"ntpd": "loaded inactive", daemon: "loaded active"})
    ret = synchronised(node, test=test)
    assert (ret.result, ret.changes) == (True, {})
    assert ret.comment == f"Already so: {daemon.replace('_', '-')}.service keeps the clock."
    assert [call.split()[0] for call in machine.called] == ["show"]


@pytest.mark.parametrize("test", [False, True])
def test_in_a_container_the_clock_is_the_hosts_and_systemd_is_not_even_asked(node, machine, test):
    machine.container.parent.mkdir(parents=True, exist_ok=True)
    machine.container.write_text("systemd-nspawn\n")
    ret = synchronised(node, test=test)
    assert (ret.result, ret.changes, machine.called) == (True, {}, [])
    assert ret.comment == "In a container (systemd-nspawn) the clock is the host's: nothing to do here."


def test_a_stopped_daemon_is_started_now_and_for_good(node, machine):
    machine.units(chrony="loaded inactive")
    assert synchronised(node, test=True).result is None
    assert "enable --now chrony.service" not in machine.called
    machine.units(file="started", chrony="loaded active")
    ret = synchronised(node)
    assert (ret.result, ret.changes) == (True, {"chrony.service": {"old": "stopped", "new": "running"}})
    done = [call for call in machine.called if not call.startswith("show ")]
    assert done == ["enable --now chrony.service"]
    assert machine.called.index(*done) < len(machine.called) - 1  # and looked at again


def test_one_that_systemd_does_not_start_though_it_says_nothing_is_a_failure(node, machine):
    """As in a container of an unknown kind: a condition of the unit does not hold."""
    machine.units(systemd_timesyncd="loaded inactive")
    ret = synchronised(node)
    assert (ret.result, ret.changes) == (False, {})
    assert "systemd-timesyncd.service was started and does not run (see: systemctl status" in ret.comment


@pytest.mark.parametrize("test", [False, True])
def test_a_masked_daemon_is_someones_decision_and_so_a_failure_that_says_what_to_do(node, machine, test):
    machine.units(systemd_timesyncd="masked inactive")
    ret = synchronised(node, test=test)
    assert (ret.result, ret.changes) == (False, {})
    assert "systemctl unmask systemd-timesyncd.service, or set time_sync: false" in ret.comment


def test_a_trial_tells_that_one_would_be_installed_and_asks_apt_nothing(node, machine):
    ret = synchronised(node, test=True)
    assert (ret.result, ret.changes) == (None, {"chrony": {"old": "", "new": "running"}})
    assert [call.split()[0] for call in machine.called] == ["show"]

"""Machines are told by their processes; what only looks like one is never ended."""

import dataclasses
import os
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest
from mip_salt.lab.processes import DIRECTORY, MACHINE, clear, end, running


@contextmanager
def process(tmp_path, name, *words, within=()):
    """Run a process of this name and these words, as systemd-nspawn would be seen."""
    script = tmp_path / name
    script.write_text("#!/bin/sh\nwhile read line; do :; done\n")
    script.chmod(0o755)
    with subprocess.Popen([*within, script, *words], stdin=subprocess.PIPE) as child:
        deadline = time.monotonic() + 5
        while name[:15] != _comm(child.pid) and time.monotonic() < deadline:
            time.sleep(0.005)
        yield child
        child.kill()


def stop(child):
    """Stop a process for good: until it is stopped, a signal of a lower number would still be taken before this one."""
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)


def _comm(pid):
    with open(f"/proc/{pid}/comm") as comm:
        return comm.read().strip()


@pytest.fixture
def words(tmp_path):
    return [f"{MACHINE}miplab-wk9", f"{DIRECTORY}{tmp_path}/nodes/wk9/root"]


def seen(child):
    return [machine for machine in running() if machine.pid == child.pid]


def test_a_machine_is_found_with_the_lab_it_belongs_to(tmp_path, words):
    with process(tmp_path, "systemd-nspawn", *words) as child:
        (machine,) = seen(child)
        assert (machine.machine, machine.lab) == ("miplab-wk9", tmp_path)


@pytest.mark.parametrize(
    ("name", "drop"), [("some-daemon", None), ("systemd-nspawn", MACHINE), ("systemd-nspawn", DIRECTORY)]
)
def test_a_process_that_lacks_one_mark_is_no_machine(tmp_path, words, name, drop):
    with process(tmp_path, name, *(word for word in words if not drop or not word.startswith(drop))) as child:
        assert not seen(child)


def test_another_machine_s_process_is_none_of_ours(tmp_path):
    with process(tmp_path, "systemd-nspawn", f"{MACHINE}database", f"{DIRECTORY}/srv/database") as child:
        assert not seen(child)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another network")
def test_a_machine_of_a_lab_in_another_network_is_not_here(tmp_path, words):
    with process(tmp_path, "systemd-nspawn", *words, within=("unshare", "--net")) as child:
        assert not seen(child)


def test_a_machine_is_ended(tmp_path, words):
    with process(tmp_path, "systemd-nspawn", *words) as child:
        end(seen(child)[0], grace=5)
        assert child.wait(5) != 0


def test_a_machine_that_does_not_power_off_is_killed(tmp_path, words):
    (tmp_path / "systemd-nspawn").touch()
    with process(tmp_path, "systemd-nspawn", *words) as child:
        stop(child)
        end(seen(child)[0], grace=0.1)
        assert child.wait(5) == -9


def test_a_later_process_with_a_recorded_pid_is_not_ended(tmp_path, words):
    with process(tmp_path, "systemd-nspawn", *words) as child:
        (machine,) = seen(child)
        end(dataclasses.replace(machine, started=machine.started - 1), grace=1)
        assert child.poll() is None


def test_nothing_is_killed_for_a_disk_that_nobody_uses(tmp_path, words):
    with process(tmp_path, "systemd-nspawn", *words) as child:
        clear(tmp_path / "upper")
        assert child.poll() is None

"""What an operator sees of real nodes: the truth, its age, and at once, whatever becomes of one of them."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest
from integration.federations import BIN, unlocked
from mip_salt.vault.masters import control_path
from mip_salt.workflows.tmux import Windows
from waiting import until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def brain(lab):
    """A federation of ms and wk1, unlocked, each seen once."""
    with unlocked(lab, "ms", "wk1") as federation:
        assert federation.cli("status").returncode == 0
        yield federation


def rows_of(done):
    return {row["id"]: row for row in json.loads(done.stdout)["nodes"]}


def silent_sshd(node):
    """Stop a node's sshd, and end the sessions that outlive it."""
    node.run("systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh.service")
    node.run("pkill -f '^sshd: mipadmin'", check=False)


def test_every_fact_of_a_node_is_told_with_its_time_and_age(brain):
    row = rows_of(brain.cli("status", "--json"))["wk1"]
    assert (row["kind"], row["state"], row["asked_now"], row["apply"]) == ("ok", "reachable", True, None)
    assert 0 <= row["seen"]["age"] < 20
    facts = row["facts"]
    assert facts["hostname"] == brain.federation.nodes["wk1"].hostname
    assert facts["kernel"] == os.uname().release  # the lab's machines share this machine's kernel, and its clock
    assert abs(facts["skew"]) < 2
    assert set(facts["disks"]) == {"/", "/var/tmp", "/data/brain"}
    assert facts["engine"] in ("running", "stopped", "none")


def test_a_node_that_does_not_answer_keeps_what_was_seen_and_the_others_answer(brain, lab):
    node = lab.node("wk1")
    silent_sshd(node)
    try:
        done = brain.cli("status", check=False)
        row = rows_of(brain.cli("status", "--json", check=False))["wk1"]
        block = brain.cli("status", "--node", "wk1", check=False).stdout
    finally:
        node.run("systemctl start ssh.service")
    first, second = done.stdout.splitlines()[1:3]
    assert done.returncode == 5
    assert first.split()[:2] == ["wk1", "unreachable"]  # the worst first
    assert " ago " in first
    assert "Debian" in first
    assert second.split()[:3] == ["ms", "reachable", "now"]
    assert "connection refused" in done.stderr
    assert (row["kind"], row["asked_now"]) == ("unreachable", False)
    assert row["seen"]["age"] > row["asked"]["age"]
    assert row["facts"]["os"].startswith("Debian")
    assert "last seen" in block


def test_a_damaged_memory_is_told_and_nothing_else_fails(brain):
    brain.folder.seen.write_text("{")
    done = brain.cli("status")
    assert "what was last seen is forgotten" in done.stderr
    assert "reachable" in done.stdout
    assert brain.cli("status").stderr == ""


def test_a_status_does_not_wait_for_an_apply_and_tells_what_came_of_it(brain):
    call = [str(BIN / "mip-salt"), "-f", brain.name, "apply", "--node", "wk1"]
    with subprocess.Popen(call, env=brain.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as apply:
        assert b"wk1" in apply.stderr.readline()
        assert brain.cli("status", "--node", "ms").returncode == 0
        assert apply.poll() is None
        apply.communicate()
    row = rows_of(brain.cli("status", "--json"))
    assert row["ms"]["apply"] is None
    assert row["wk1"]["apply"]["kind"] in ("ok", "changed", "failed")
    assert row["wk1"]["apply"]["age"] < 60


@contextmanager
def watched(federation, *words):
    """Give the rounds of a watch, as they come; it must end well by Ctrl-C."""
    call = [str(BIN / "mip-salt"), "-f", federation.name, "status", "--watch", "1", "--json", *words]
    rounds = []
    with subprocess.Popen(call, env=federation.environ, stdout=subprocess.PIPE, text=True) as watch:
        reader = threading.Thread(target=lambda: rounds.extend(map(json.loads, watch.stdout)), daemon=True)
        reader.start()
        try:
            yield rounds
        finally:
            watch.send_signal(signal.SIGINT)
            code = watch.wait(20)
            reader.join(5)
    assert code == 0


def wait_for(rounds, name, kind, seconds=40):
    deadline, begun = time.monotonic() + seconds, len(rounds)
    while True:
        for shown in rounds[begun:]:
            row = next(row for row in shown["nodes"] if row["id"] == name)
            if row["kind"] == kind:
                return row
        assert time.monotonic() < deadline, f"{name} never was {kind}"
        time.sleep(0.1)


def test_a_watch_goes_on_when_a_node_dies_and_returns(brain, lab):
    node = lab.node("wk1")
    with watched(brain) as rounds:
        wait_for(rounds, "wk1", "ok")
        node.stop()
        try:
            gone = wait_for(rounds, "wk1", "unreachable")
            assert gone["facts"]["os"].startswith("Debian")
            assert wait_for(rounds, "ms", "ok")["seen"]["age"] < 10
        finally:
            node.start()
        assert wait_for(rounds, "wk1", "ok")["facts"]["uptime"] is not None
        brain.cli("node", "disable", "wk1")
        wait_for(rounds, "wk1", "disabled")
        brain.cli("node", "enable", "wk1")
        wait_for(rounds, "wk1", "ok")


def test_tmux_opens_a_shell_on_each_node(brain):
    windows = Windows(brain.folder, (), ())
    brain.cli("tmux")
    try:
        call = windows.call("capture-pane", "-p", "-t", f"{brain.name}:4")
        there = f"@{brain.federation.nodes['wk1'].hostname}:"
        assert until(lambda: there in subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    finally:
        windows.close()


def logins(node):
    """Return how many logins a node's sshd has let in since it booted."""
    return int(node.run("journalctl -b -o cat | grep -c 'Accepted publickey' || true"))


def masters_of(federation):
    return sorted(federation.folder.masters.iterdir()) if federation.folder.masters.is_dir() else []


def listens(path):
    call = ["ssh", "-F", "/dev/null", "-O", "check", "-o", f"ControlPath={path}", "master"]
    return subprocess.run(call, capture_output=True, text=True)


@pytest.fixture
def opened(brain):
    """The federation, with an open connection to each of its two nodes."""
    brain.cli("vault", "lock")
    brain.cli("vault", "unlock")
    brain.cli("status")
    assert len(masters_of(brain)) == 2
    return brain


def test_what_comes_next_goes_over_the_same_connection(opened, lab):
    node, path = lab.node("wk1"), control_path(opened.folder, opened.federation, "wk1")
    before = logins(node)
    for _ in range(2):
        opened.cli("status")
    assert opened.cli("plan", "--node", "wk1", check=False).returncode in (0, 7)
    assert logins(node) == before
    opened.cli("node", "check", "wk1", check=False)  # which proves key and login anew
    assert logins(node) == before + 1
    assert listens(path).returncode == 0


def test_a_lock_closes_what_is_open(opened, lab):
    paths = masters_of(opened)
    opened.cli("vault", "lock")
    try:
        assert masters_of(opened) == []
        assert all(listens(path).returncode for path in paths)
        # Opened for one command alone, the vault leaves nothing behind.
        assert opened.cli("status").returncode == 0
        assert masters_of(opened) == []
    finally:
        opened.cli("vault", "unlock")


def test_a_connection_whose_process_was_killed_is_made_anew(opened):
    pids = {path: int(re.search(r"pid=(\d+)", listens(path).stderr)[1]) for path in masters_of(opened)}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    assert opened.cli("status").returncode == 0
    assert all(listens(path).returncode == 0 for path in pids)


def test_a_connection_that_leads_nowhere_is_given_up_for_the_truth(opened, lab):
    node = lab.node("wk1")
    node.cut()
    try:
        done = opened.cli("status", check=False)
        assert done.returncode == 5
        assert "wk1" in done.stderr
        assert "is not reachable" in done.stderr
        assert len(masters_of(opened)) == 1
    finally:
        node.heal()
    assert opened.cli("status").returncode == 0


def test_a_killed_run_leaves_no_session_on_the_node_and_the_connection_to_others(opened, lab):
    node, path = lab.node("wk1"), control_path(opened.folder, opened.federation, "wk1")
    call = [str(BIN / "mip-salt"), "-f", opened.name, "apply", "--node", "wk1"]
    with subprocess.Popen(call, env=opened.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as apply:
        assert until(lambda: node.run("pgrep -f [z]lib.decompress || true"), 30)
        apply.kill()
    assert until(lambda: not node.run("pgrep -f [z]lib.decompress || true"), 30)
    assert listens(path).returncode == 0
    before = logins(node)
    assert opened.cli("status").returncode == 0
    assert logins(node) == before


def test_a_disabled_node_is_not_left_connected(opened):
    opened.cli("node", "disable", "wk1")
    try:
        assert masters_of(opened) == []
    finally:
        opened.cli("node", "enable", "wk1")

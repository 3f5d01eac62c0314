"""The one door to Salt on real nodes: what they answer, do not answer or answer wrongly, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from integration.asking import VICTIM, asked
from mip_salt.errors import UsageError
from mip_salt.remote.results import Kind
from mip_salt.remote.run import run
from waiting import until

pytestmark = pytest.mark.lab

LEFT = "/run/mip-salt/run-* /dev/shm/mip-salt/run-*"


def ours(fed: Any) -> list[str]:
    """Return the processes on this machine that speak to nodes of the federation; not what commands share, idle."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if words.startswith("ssh: ") and "[mux]" in words:
                continue
            if f"{fed.folder.known_hosts}" in words or (
                words and str(fed.folder.path) in words and "agent" not in words
            ):
                found.append(words.replace("\0", " ")[:120])
    return found


@contextmanager
def python_on(node: Any, script: str) -> Iterator[None]:
    """Put another python3 before the node's own."""
    quoted = script.replace("'", "'\"'\"'")
    node.run(f"printf '%s\\n' '#!/bin/sh' '{quoted}' > /usr/local/bin/python3; chmod 755 /usr/local/bin/python3")
    try:
        yield
    finally:
        node.run("rm -f /usr/local/bin/python3; pkill -f /usr/local/bin/python3", check=False)


def test_apply_says_the_same_to_people_and_programs_and_leaves_nothing(fed, lab):
    fed.cli("apply")
    done = fed.cli("apply", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["federation"] == fed.folder.name
    assert [row["id"] for row in document["nodes"]] == fed.federation.ids()
    assert {row["kind"] for row in document["nodes"]} == {"ok"}
    assert all(row["hostname"] and row["role"] and row["seconds"] > 0 for row in document["nodes"])
    for name in fed.federation.ids():
        assert not lab.node(name).run(f"ls -d {LEFT} 2>/dev/null", check=False)
    assert not list(fed.folder.tmp.iterdir())
    assert not (fed.folder.run / "cache" / "jobs").exists()
    assert ours(fed) == []


def test_one_node_is_chosen_by_its_address(fed):
    node = fed.federation.nodes[VICTIM]
    document = json.loads(fed.cli("apply", "--test", "--json", "--node", f"{node.address}:{node.port}").stdout)
    assert [row["id"] for row in document["nodes"]] == [VICTIM]


@pytest.mark.parametrize("text", ["false", "# x", "a=b", "$(id)", "'\"\\", "é😀", "{{ 1+1 }}"])
def test_arguments_and_returns_cross_unchanged(fed, text):
    (result,) = asked(fed, "test.arg", [text, None], nodes=[VICTIM], kwargs={"name": text})
    assert result.kind is Kind.OK
    assert (result.data["args"], result.data["kwargs"]["name"]) == ([[text, None]], text)


def test_a_false_return_is_data(fed):
    (result,) = asked(fed, "test.false", nodes=[VICTIM])
    assert (result.kind, result.data) == (Kind.OK, False)


def test_what_fails_on_the_node_fails_here(fed):
    for function, args in (("cmd.run", ["exit 7"]), ("no.such_function", [])):
        (result,) = asked(fed, function, *args, nodes=[VICTIM])
        assert (result.kind, result.exit_code) == (Kind.FAILED, 7)
        assert f"salt-ssh {VICTIM} {function}" in result.command


def test_a_node_that_hangs_costs_only_itself(fed, lab, other):
    with python_on(lab.node(VICTIM), "sleep 600"):
        results = asked(fed, "test.ping", nodes=[VICTIM, other], deadline=8)
    assert [(result.id, result.kind) for result in results] == [(other, Kind.OK), (VICTIM, Kind.UNREACHABLE)]
    assert "8 s" in results[1].error
    assert ours(fed) == []


@pytest.mark.parametrize("where", ["", " >&2"], ids=["stdout", "stderr"])
def test_a_node_that_floods_costs_only_itself(fed, lab, other, where):
    with python_on(lab.node(VICTIM), f"tr '\\0' A < /dev/zero{where}"):
        results = {r.id: r for r in asked(fed, "test.ping", nodes=[VICTIM, other], deadline=8)}
    assert results[other].kind is Kind.OK
    assert results[VICTIM].kind is (Kind.UNREACHABLE if where else Kind.FAILED)
    assert ours(fed) == []


def test_what_a_login_prints_is_skipped(fed, lab):
    node = lab.node(VICTIM)
    node.run("cp ~mipadmin/.bashrc /root/bashrc")
    node.run("sed -i '1i echo welcome; echo careful >&2; seq 2000' ~mipadmin/.bashrc")
    try:
        results = asked(fed, "test.ping", nodes=[VICTIM]), asked(fed, "state.apply", nodes=[VICTIM])
    finally:
        node.run("cp /root/bashrc ~mipadmin/.bashrc")
    assert [result.kind for (result,) in results] == [Kind.OK, Kind.OK]


def test_a_node_that_vanishes_in_mid_run_costs_only_itself(fed, lab, other):
    node = lab.node(VICTIM)
    results = []
    try:
        for result in run(
            fed.folder,
            fed.federation,
            [VICTIM, other],
            "cmd.run",
            ["sleep 5.5"],
            deadline=20,
            jobs=8,
            on_tick=lambda: node.cut() if node.run("pgrep -f 'sleep 5[.]5'", check=False) else None,
        ):
            results.append(result)  # fmt: skip
    finally:
        node.heal()
    assert [(result.id, result.kind) for result in results] == [(other, Kind.OK), (VICTIM, Kind.UNREACHABLE)]
    assert ours(fed) == []


LIES = ["{}", "[]", '{"return": true}', '{"return": true, "retcode": "0"}', '{"retcode": 0}', '"yes"', "yes", ""]


@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_answers_with_another_shape_has_not_answered(fed, lab, lie):
    frames = "".join(f"\\001mip{kind}{len(body):08x}{body}" for kind, body in (("h", "{}"), ("g", "{}"), ("r", lie)))
    with python_on(lab.node(VICTIM), f"printf '{frames}'"):
        (result,) = asked(fed, "test.ping", nodes=[VICTIM], deadline=20)
    assert (result.kind, result.exit_code) == (Kind.FAILED, 7)
    assert result.error


@contextmanager
def slow_states(fed: Any, lab: Any, seconds: int = 30) -> Iterator[None]:
    """Make the highstate three states, of which the second is slow."""
    (fed.folder.states / "top.sls").write_text("base:\n  '*': [slow]\n")
    (fed.folder.states / "slow.sls").write_text(
        "before:\n  test.nop: []\n"
        f"slow:\n  cmd.run:\n    - name: touch /run/slow-began; sleep {seconds}\n    - require: [test: before]\n"
        "after:\n  cmd.run:\n    - name: touch /run/slow-after\n    - require: [cmd: slow]\n"
    )
    try:
        yield
    finally:
        for name in ("top", "slow"):
            (fed.folder.states / f"{name}.sls").unlink()
        for name in fed.federation.ids():
            lab.node(name).run("pkill -f 'sleep 3[0]'; rm -f /run/slow-*", check=False)


@contextmanager
def applying(fed: Any, node: Any, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run apply until its slow state is under way on a node."""
    call = ["--root", str(fed.folder.path.parent), "-f", fed.folder.name, "apply", "--json", *words]
    command = subprocess.Popen([sys.executable, "-m", "mip_salt", *call], stdout=subprocess.PIPE)
    try:
        assert until(lambda: node.run("ls /run/slow-began", check=False), 60)
        yield command
    finally:
        command.kill()
        command.wait()


def test_of_two_runs_on_a_node_the_second_is_told_who_is_at_work_since_when(fed, lab):
    node = lab.node(VICTIM)
    with slow_states(fed, lab), applying(fed, node, "--node", VICTIM) as first:
        (second,) = asked(fed, "state.apply", nodes=[VICTIM])
        (ping,) = asked(fed, "test.ping", nodes=[VICTIM])
        node.run("pkill -f 'sleep 3[0]'")
        first.wait(30)
    assert (second.kind, second.exit_code) == (Kind.BUSY, 6)
    assert f"federation {fed.folder.name}, pid {first.pid}, since 2" in second.error
    assert ping.kind is Kind.OK
    (again,) = asked(fed, "state.apply", nodes=[VICTIM])
    assert again.kind is Kind.OK


@pytest.mark.parametrize("whom", ["pusher", "runner"])
def test_a_killed_run_stops_after_its_state_and_leaves_nothing(fed, lab, whom):
    node = lab.node(VICTIM)
    with slow_states(fed, lab), applying(fed, node, "--node", VICTIM) as command:
        if whom == "pusher":
            command.kill()
        else:
            node.run("pkill -9 -f '[e]xec.zlib'")
            row = json.loads(command.communicate(timeout=30)[0])["nodes"][0]
            assert (row["kind"], "it was in cmd.run slow" in row["error"]) == ("failed", True)
        assert until(lambda: not ours(fed))
        node.run("pkill -f 'sleep 3[0]'", check=False)
        assert until(lambda: not node.run(f"ls -d {LEFT} 2>/dev/null", check=False))
        assert until(lambda: not node.run("pgrep -f '[e]xec.zlib'", check=False))
        assert not node.run("ls /run/slow-after", check=False)


def test_a_full_disk_is_told_and_leaves_no_half(fed, lab):
    node = lab.node(VICTIM)
    node.run("mkdir -p /var/lib/mip-salt; mount -t tmpfs -o size=2m,mode=0700 none /var/lib/mip-salt")
    try:
        (result,) = asked(fed, "test.ping", nodes=[VICTIM])
        left = node.run("ls -A /var/lib/mip-salt")
    finally:
        node.run("umount /var/lib/mip-salt")
    assert (result.kind, result.exit_code) == (Kind.FAILED, 7)
    assert "No space left" in result.error
    assert not left.strip()


def test_the_operators_own_pillar_reaches_its_node_only(fed, other):
    own = fed.folder.own_pillar / f"{VICTIM}.sls"
    own.write_text("greeting: hello\n")
    try:
        results = asked(fed, "pillar.get", "greeting", nodes=[VICTIM, other])
    finally:
        own.unlink()
    assert {result.id: result.data for result in results} == {VICTIM: "hello", other: ""}


def test_a_node_outside_the_federation_is_never_looked_for(fed):
    with pytest.raises(UsageError):
        asked(fed, "test.ping", nodes=["wk99"])


def test_ctrl_c_stops_every_node_after_the_state_it_is_in(fed, lab):
    node = lab.node(VICTIM)
    with slow_states(fed, lab), applying(fed, node) as command:
        pressed = time.monotonic()
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=30)
        took = time.monotonic() - pressed
        rows = json.loads(out)["nodes"]
        for name in fed.federation.ids():
            lab.node(name).run("pkill -f 'sleep 3[0]'", check=False)
            assert until(lambda name=name: not lab.node(name).run(f"ls -d {LEFT} 2>/dev/null", check=False))
            assert not lab.node(name).run("ls /run/slow-after", check=False)
    assert command.returncode == 130
    assert {row["kind"] for row in rows} == {"interrupted"}
    assert "cmd.run slow, after 1 of 3 states" in next(row["error"] for row in rows if row["id"] == VICTIM)
    assert took < 8
    assert ours(fed) == []

"""The one door to Salt on real nodes: what they do not answer, what they answer wrongly, and what is left behind."""

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
from mip_salt.errors import LoginRefused, UsageError
from mip_salt.federation.generate import refresh
from mip_salt.federation.model import Federation
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.run import run
from waiting import until

pytestmark = pytest.mark.lab

VICTIM = "wk1"
PACKAGES = "/var/tmp/.*_salt/salt_state.tgz"
UNPACKED = "/tmp/tmp*/pillar.json"


@pytest.fixture
def fed(federation: Any) -> Iterator[Any]:
    """Give a federation whose vault is open for several commands."""
    federation.cli("vault", "unlock")
    yield federation
    federation.cli("vault", "lock")


@pytest.fixture
def other(federation: Any) -> str:
    """Give the id of a node that is not the victim."""
    return next(name for name in federation.federation.enabled() if name != VICTIM)


def asked(
    fed: Any,
    function: str,
    *args: Any,
    nodes: list[str],
    deadline: float = 60,
    model: Federation | None = None,
    kwargs: dict[str, Any] | None = None,
) -> list[NodeResult]:
    return list(run(fed.folder, model or fed.federation, nodes, function, args, kwargs, deadline=deadline, jobs=8))


def ours(fed: Any) -> list[str]:
    """Return the processes on this machine that speak to nodes of the federation."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
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


@contextmanager
def rostered(fed: Any, **changes: Any) -> Iterator[Federation]:
    """Give the federation with the victim's row changed, in the roster too."""
    rows = {**fed.federation.nodes, VICTIM: fed.federation.nodes[VICTIM].model_copy(update=changes)}
    model = fed.federation.model_copy(update={"nodes": rows})
    refresh(fed.folder, model)
    try:
        yield model
    finally:
        refresh(fed.folder, fed.federation)


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
        assert not lab.node(name).run(f"ls -d {PACKAGES} {UNPACKED} 2>/dev/null", check=False)
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


@pytest.mark.parametrize("script", ["sleep 600", "tr '\\0' A < /dev/zero"], ids=["hangs", "floods"])
def test_a_node_that_hangs_or_floods_costs_only_itself(fed, lab, other, script):
    with python_on(lab.node(VICTIM), script):
        results = asked(fed, "test.ping", nodes=[VICTIM, other], deadline=15)
    assert [(result.id, result.kind) for result in results] == [(other, Kind.OK), (VICTIM, Kind.UNREACHABLE)]
    assert "15 s" in results[1].error
    assert ours(fed) == []


def test_a_node_that_vanishes_in_mid_run_costs_only_itself(fed, lab, other):
    node = lab.node(VICTIM)
    results = []
    try:
        for result in run(
            fed.folder,
            fed.federation,
            [VICTIM, other],
            "test.sleep",
            [5],
            deadline=20,
            jobs=8,
            on_tick=lambda: node.cut() if node.run("pgrep -f test.slee[p]", check=False) else None,
        ):
            results.append(result)  # fmt: skip
    finally:
        node.heal()
    assert [(result.id, result.kind) for result in results] == [(other, Kind.OK), (VICTIM, Kind.UNREACHABLE)]
    assert ours(fed) == []


LIES = ["{}", "[]", '{"local": {}}', '{"local": []}', '{"local": {"return": true}}', '{"local": "yes"}', "yes", ""]


@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_answers_with_another_shape_has_not_answered(fed, lab, lie):
    from salt.client.ssh import RSTR

    script = (
        'case "$*" in *sys.version_info*) exit 0;; *sys.executable*) echo /usr/local/bin/python3; exit 0;; esac\n'
        f"echo {RSTR} >&2; echo {RSTR}; echo '{lie}'"
    )
    with python_on(lab.node(VICTIM), script):
        (result,) = asked(fed, "test.ping", nodes=[VICTIM], deadline=20)
    assert (result.kind, result.exit_code) == (Kind.FAILED, 7)
    assert result.error


def test_a_lost_race_is_no_success_and_the_next_run_works(fed, lab):
    """Salt returns {} with exit 0 if the package it sent is not there; a folder in its place does that each time."""
    (first,) = asked(fed, "state.apply", nodes=[VICTIM])
    assert first.kind in (Kind.OK, Kind.CHANGED)
    lab.node(VICTIM).run("for d in /var/tmp/.*_salt; do mkdir -m 777 $d/salt_state.tgz; done")
    (result,) = asked(fed, "state.apply", nodes=[VICTIM])
    assert (result.kind, result.exit_code) == (Kind.FAILED, 7)
    assert "no usable answer" in result.error
    assert not lab.node(VICTIM).run(f"ls -d {PACKAGES} 2>/dev/null", check=False)
    (again,) = asked(fed, "state.apply", nodes=[VICTIM])
    assert again.kind is Kind.OK


def logins(node: Any) -> int:
    return int(node.run("journalctl -u ssh --no-pager -q | grep -c 'Accepted publickey'", check=False).strip() or 0)


def test_a_changed_host_key_is_refused_and_nothing_is_sent(fed, lab, other):
    pinned = fed.folder.known_hosts.read_text()
    before = logins(lab.node(VICTIM))
    mine = [line for line in pinned.splitlines() if line.startswith(f"{VICTIM} ")]
    theirs = [
        line.replace(f"{other} ", f"{VICTIM} ", 1) for line in pinned.splitlines() if line.startswith(f"{other} ")
    ]
    try:
        fed.folder.known_hosts.write_text(pinned.replace("\n".join(mine), "\n".join(theirs)))
        done = fed.cli("apply", "--json", check=False)
    finally:
        fed.folder.known_hosts.write_text(pinned)
    kinds = {row["id"]: row["kind"] for row in json.loads(done.stdout)["nodes"]}
    assert done.returncode == 3
    assert kinds[VICTIM] == "refused"
    assert kinds[other] == "ok"
    assert f"node trust {VICTIM} --host-key" in done.stderr or "SHA256:" in done.stdout
    assert logins(lab.node(VICTIM)) == before


def test_another_machine_under_the_confirmed_key_is_refused(fed):
    with rostered(fed, machine_id="0" * 32) as model:
        (result,) = asked(fed, "test.ping", nodes=[VICTIM], model=model)
    assert (result.kind, result.exit_code) == (Kind.REFUSED, 3)


def test_a_refused_port_is_unreachable(fed):
    with rostered(fed, port=1) as model:
        (result,) = asked(fed, "test.ping", nodes=[VICTIM], model=model)
    assert (result.kind, result.exit_code) == (Kind.UNREACHABLE, 5)
    assert "refused" in result.error


@pytest.mark.parametrize(
    ("away", "why"), [("~mipadmin/.ssh/authorized_keys", "identity"), ("/etc/sudoers.d/mip-salt", "root")]
)
def test_a_refused_login_or_sudo_is_a_login_refused(fed, lab, away, why):
    lab.node(VICTIM).run(f"mv {away} {away}.away")
    try:
        (result,) = asked(fed, "test.ping", nodes=[VICTIM])
    finally:
        lab.node(VICTIM).run(f"mv {away}.away {away}")
    assert (result.kind, result.exit_code) == (Kind.LOGIN, 4)
    assert why in result.error


@pytest.mark.parametrize(
    ("harm", "kind", "code"),
    [
        (lambda mine, theirs: mine.replace(mine[400:404], "AAAA", 1), "damaged", 6),
        (lambda mine, theirs: mine[: len(mine) // 2], "damaged", 6),
        (lambda mine, theirs: "", "damaged", 6),
        (lambda mine, theirs: theirs, "refused", 3),
    ],
    ids=["changed", "cut", "emptied", "another node's"],
)
def test_a_vault_entry_that_is_not_right_stops_its_node_alone(fed, other, harm, kind, code):
    entry = fed.folder.entry(VICTIM)
    mine = entry.read_text()
    try:
        entry.write_text(harm(mine, fed.folder.entry(other).read_text()))
        done = fed.cli("apply", "--json", "--node", VICTIM, "--node", other, check=False)
    finally:
        entry.write_text(mine)
    rows = {row["id"]: row for row in json.loads(done.stdout)["nodes"]}
    assert (rows[VICTIM]["kind"], done.returncode) == (kind, code)
    assert "vault entry" in rows[VICTIM]["error"]
    assert rows[other]["kind"] == "ok"


def test_the_operators_own_pillar_reaches_its_node_only(fed, other):
    own = fed.folder.own_pillar / f"{VICTIM}.sls"
    own.write_text("greeting: hello\n")
    try:
        results = asked(fed, "pillar.get", "greeting", nodes=[VICTIM, other])
    finally:
        own.unlink()
    assert {result.id: result.data for result in results} == {VICTIM: "hello", other: ""}


def test_a_locked_federation_asks_no_node(federation, lab):
    before = logins(lab.node(VICTIM))
    with pytest.raises(LoginRefused, match="locked"):
        asked(federation, "test.ping", nodes=[VICTIM])
    assert logins(lab.node(VICTIM)) == before


def test_a_node_outside_the_federation_is_never_looked_for(fed):
    with pytest.raises(UsageError):
        asked(fed, "test.ping", nodes=["wk99"])


def test_ctrl_c_ends_all_of_ours_at_once_and_takes_the_pillar_off_the_nodes(fed, lab):
    node = lab.node(VICTIM)
    (fed.folder.states / "top.sls").write_text("base:\n  '*': [slow]\n")
    (fed.folder.states / "slow.sls").write_text("slow:\n  cmd.run:\n    - name: touch /run/slow-began; sleep 30\n")
    words = ["--root", str(fed.folder.path.parent), "-f", fed.folder.name, "apply", "--json"]
    command = subprocess.Popen([sys.executable, "-m", "mip_salt", *words], stdout=subprocess.PIPE)
    try:
        assert until(lambda: node.run("ls /run/slow-began", check=False), 60)
        pressed = time.monotonic()
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=30)
        took = time.monotonic() - pressed
    finally:
        command.kill()
        for name in ("top", "slow"):
            (fed.folder.states / f"{name}.sls").unlink()
        for name in fed.federation.ids():
            lab.node(name).run("pkill -f 'sleep 3[0]'; rm -f /run/slow-began", check=False)
    assert command.returncode == 130
    assert {row["kind"] for row in json.loads(out)["nodes"]} == {"interrupted"}
    assert took < 8
    assert ours(fed) == []
    for name in fed.federation.ids():
        assert not lab.node(name).run(f"ls -d {PACKAGES} 2>/dev/null", check=False)
        # What ran there went on by itself, and takes its own copy with it.
        assert until(lambda name=name: not lab.node(name).run(f"ls -d {UNPACKED} 2>/dev/null", check=False))

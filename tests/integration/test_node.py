"""Looking after nodes: disabled ones are left out by name, removed ones are left clean."""

import json
import re
import subprocess

import pytest
from integration.federations import FederationUnderTest, wish

pytestmark = pytest.mark.lab
KEYS = "cat /home/mipadmin/.ssh/authorized_keys 2>/dev/null || true"
RULE = "cat /etc/sudoers.d/mip-salt 2>/dev/null || true"
FILES = "ls -d /var/lib/mip-salt 2>/dev/null || true"


@pytest.fixture
def two(root, lab):
    """A federation of ms and wk1."""
    for name in ("ms", "wk1"):
        lab.node(name).forget()
    federation = FederationUnderTest(root)
    federation.configure({name: wish(name, lab.node(name)) for name in ("ms", "wk1")})
    return federation


def test_a_disabled_node_is_left_out_and_shown_so(two):
    two.cli("node", "disable", "wk1")
    assert "wk1:" not in two.folder.roster.read_text()
    for command in ("status", "plan"):
        rows = json.loads(two.cli(command, "--json").stdout)["nodes"]
        assert [row["id"] for row in rows] == ["ms", "wk1"]
        # A plan for a machine on which nothing was applied yet tells of changes.
        assert (rows[0]["kind"] in ("ok", "changed"), rows[1]["kind"]) == (True, "disabled")
    assert "already" in two.cli("node", "disable", "wk1").stderr
    two.cli("node", "enable", "wk1")
    assert "wk1:" in two.folder.roster.read_text()
    assert two.cli("status", "--node", "wk1").returncode == 0


def test_a_removed_node_keeps_nothing_of_ours(two, lab):
    two.cli("plan", "--node", "wk1")
    assert lab.node("wk1").run(FILES)
    two.cli("node", "remove", "wk1", "--yes")
    assert lab.node("wk1").run(FILES) == ""
    assert list(two.federation.nodes) == ["ms"]
    assert not two.folder.entry("wk1").exists()
    assert two.pinned == ["ms"]
    assert "wk1:" not in two.folder.roster.read_text()
    assert "mip-salt:brain" not in lab.node("wk1").run(KEYS)
    assert lab.node("wk1").run(RULE) == ""
    assert two.cli("status").returncode == 0


def test_a_machine_that_another_federation_shares_keeps_its_sudo_rule(two, root, lab):
    other = FederationUnderTest(root, "mind")
    other.configure({"wk1": wish("wk1", lab.node("wk1"))})
    two.cli("node", "remove", "wk1", "--yes")
    keys = lab.node("wk1").run(KEYS)
    assert "mip-salt:brain" not in keys
    assert "mip-salt:mind" in keys
    assert other.cli("status").returncode == 0


def test_a_machine_that_does_not_answer_is_forgotten_and_what_stays_is_told(two, lab):
    lab.node("wk1").cut()
    try:
        done = two.cli("node", "remove", "wk1", "--yes")
    finally:
        lab.node("wk1").heal()
    assert list(two.federation.nodes) == ["ms"]
    assert "could not be cleaned" in done.stderr
    assert "mip-salt:brain" in done.stderr


def test_without_a_yes_nothing_is_removed(two):
    done = two.cli("node", "remove", "wk1", check=False)
    assert done.returncode == 2
    assert list(two.federation.nodes) == ["ms", "wk1"]


def test_a_bastion_is_not_removed_before_what_is_behind_it(two, lab):
    two.configure({"ms": wish("ms", lab.node("ms")), "wk2": wish("wk2", lab.node("wk2"), bastion="ms")})
    done = two.cli("node", "remove", "ms", "--yes", check=False)
    assert done.returncode == 2
    assert "wk2 is reached through it" in done.stderr
    assert "ms" in two.federation.nodes


def test_the_command_that_a_failure_names_shows_it_too(two, lab):
    two.cli("vault", "unlock")
    node = lab.node("wk1")
    node.run("systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh.service")
    try:
        done = two.cli("status", check=False)
        assert done.returncode == 5
        assert "connection refused" in done.stderr
        again = re.search(r"Again: (.*)", done.stderr)[1]
        shown = subprocess.run(again, shell=True, capture_output=True, text=True, env=two.environ)
        assert shown.returncode != 0
        assert "Connection refused" in shown.stdout + shown.stderr
    finally:
        node.run("systemctl start ssh.service")
        two.cli("vault", "lock")

"""Nodes of another Debian than the usual one. These tests run last: they boot a lab of their own kind."""

import json
import tempfile
from pathlib import Path

import pytest
from integration.federations import FederationUnderTest, wish
from integration.mirrors import take_off
from mip_salt.remote.run import run

pytestmark = pytest.mark.lab

MIXED_NODES = ["ms", "wk1", "wk2"]
MIXED = """
mixed:
  group.present: []
  user.present: [{gid: mixed}, {require: [group: mixed]}]
  host.present: [{ip: 10.9.9.9}]
/srv/mixed:
  file.directory: [{user: mixed}, {mode: '0750'}, {require: [user: mixed]}]
/srv/mixed/release:
  file.managed:
    - contents: {{ grains['osmajorrelease'] | string | json }}
    - require: [file: /srv/mixed]
procps:
  pkg.installed: []
ssh:
  service.running: []
'test ! -e /nowhere':
  cmd.run: [{unless: 'true'}]
"""


@pytest.fixture(scope="module")
def trixie(lab):
    """Two nodes of Debian 13: Python 3.13, OpenSSH 10; ui without compose, which lies on a mirror on its own disk."""
    lab.down()
    lab.up(("ms", "ui"), release="trixie", name="test")
    take_off(lab.node("ui"), "docker-compose")
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def federation(trixie):
    """A federation of both, unlocked."""
    with tempfile.TemporaryDirectory(prefix="mip-", dir="/tmp") as name:
        made = FederationUnderTest(Path(name))
        made.configure({node: wish(node, trixie.node(node)) for node in ("ms", "ui")})
        made.cli("vault", "unlock")
        yield made
        made.cli("vault", "lock")


def kinds(federation, *words):
    """What came of each node."""
    return [row["kind"] for row in json.loads(federation.cli(*words, "--json").stdout)["nodes"]]


def test_debian_13_a_plan_shows_changes_an_apply_makes_them_and_a_plan_shows_none(federation, trixie):
    compose = "docker compose version --short"
    assert kinds(federation, "plan") == ["changed", "changed"]
    assert trixie.node("ui").run(compose, check=False) == ""
    assert kinds(federation, "apply") == ["changed", "changed"]
    assert kinds(federation, "plan") == ["ok", "ok"]
    assert trixie.node("ui").run(compose).startswith("2.")
    assert trixie.node("ms").run("stat -c %a%U /data/brain").strip() == "770mipadmin"


def test_debian_13_status_and_check_tell_how_it_is(federation):
    row = json.loads(federation.cli("status", "--json", "--node", "ui").stdout)["nodes"][0]
    assert "Debian GNU/Linux 13" in row["facts"]["os"]
    assert (row["facts"]["engine"], row["apply"]["kind"]) == ("running", "changed")
    assert "docker" in federation.cli("node", "check", "ui").stdout.lower()


def test_debian_13_a_node_is_renamed_entered_disabled_and_removed(federation, trixie):
    federation.cli("node", "rename", "ui", "--yes")
    assert federation.cli("ssh", "ui", "hostname").stdout.strip() == "brain-ui"
    assert federation.cli("ssh", "ui", "exit 42", check=False).returncode == 42
    federation.cli("node", "disable", "ui")
    assert kinds(federation, "status") == ["ok", "disabled"]
    federation.cli("node", "enable", "ui")
    federation.cli("node", "remove", "ui", "--yes")
    assert "mip-salt:" not in trixie.node("ui").run("cat /home/mipadmin/.ssh/authorized_keys")
    assert kinds(federation, "status") == ["ok"]


def test_debian_11_12_and_13_in_one_federation_end_alike_and_stay_so(root, trixie):
    """Python 3.9, 3.11 and 3.13, by one thin. The engine of Debian 11 is below its safe floor: states of our own."""
    trixie.up(("wk1", "wk2"), release="bookworm", name="test", others={"wk1": "bullseye"})
    federation = FederationUnderTest(root, "mixed")
    federation.configure({node: wish(node, trixie.node(node)) for node in ("ms", "wk1", "wk2")})
    federation.cli("vault", "unlock")
    (federation.folder.states / "mixed.sls").write_text(MIXED)

    def apply():
        found = run(
            federation.folder, federation.federation, MIXED_NODES, "state.apply", ["mixed"], deadline=120, jobs=3
        )
        return {result.id: (str(result.kind), result.changed, result.error) for result in found}

    assert apply() == dict.fromkeys(MIXED_NODES, ("changed", 5, ""))
    assert [trixie.node(node).run("cat /srv/mixed/release") for node in MIXED_NODES] == ["13\n", "11\n", "12\n"]
    assert apply() == dict.fromkeys(MIXED_NODES, ("ok", 0, ""))


def test_an_sshd_that_shuts_the_pusher_out_is_told(root, trixie):
    """OpenSSH 9.8 and later do so after failed logins; more attempts would only prolong it."""
    federation = FederationUnderTest(root)
    row = wish("ui", trixie.node("ui"), password="wrong wrong")
    trixie.node("ui").forget()
    for _ in range(6):
        done = federation.configure({"ui": row}, check=False)
        if done.returncode == 5:
            break
        assert done.returncode == 4
    assert done.returncode == 5
    assert "shuts this machine out" in done.stderr

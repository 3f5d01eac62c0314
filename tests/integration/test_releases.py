"""Nodes of another Debian than the usual one. These tests run last: they boot a lab of their own kind."""

import json

import pytest
from integration.federations import FederationUnderTest, wish

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def trixie(lab):
    """Two nodes of Debian 13: Python 3.13, OpenSSH 10."""
    lab.down()
    lab.up(("ms", "wk1"), release="trixie", name="test")
    yield lab
    lab.down()


def test_debian_13_is_configured_and_applied(root, trixie):
    federation = FederationUnderTest(root)
    federation.configure({name: wish(name, trixie.node(name)) for name in ("ms", "wk1")})
    done = federation.cli("apply", "--json")
    assert [row["kind"] for row in json.loads(done.stdout)["nodes"]] == ["ok", "ok"]
    assert "Debian 13" in federation.cli("status").stdout


def test_an_sshd_that_shuts_the_pusher_out_is_told(root, trixie):
    """OpenSSH 9.8 and later do so after failed logins; more attempts would only prolong it."""
    federation = FederationUnderTest(root)
    row = wish("wk1", trixie.node("wk1"), password="wrong wrong")
    trixie.node("wk1").forget()
    for _ in range(6):
        done = federation.configure({"wk1": row}, check=False)
        if done.returncode == 5:
            break
        assert done.returncode == 4
    assert done.returncode == 5
    assert "shuts this machine out" in done.stderr

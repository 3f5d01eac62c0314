"""Nodes of another Debian than the usual one. These tests run last: they boot a lab of their own kind."""

import json

import pytest
from integration.federations import FederationUnderTest, wish

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def trixie(lab):
    """Two nodes of Debian 13: Python 3.13, OpenSSH 10."""
    lab.down()
    lab.up(("ms", "ui"), release="trixie", name="test")
    yield lab
    lab.down()


def test_debian_13_is_configured_and_applied_and_then_nothing_is_left_to_do(root, trixie):
    federation = FederationUnderTest(root)
    federation.configure({name: wish(name, trixie.node(name)) for name in ("ms", "ui")})
    kinds = [[row["kind"] for row in json.loads(federation.cli("apply", "--json").stdout)["nodes"]] for _ in range(2)]
    assert kinds == [["changed", "changed"], ["ok", "ok"]]
    assert "Debian 13" in federation.cli("status").stdout
    assert trixie.node("ui").run("docker compose version --short").startswith("2.")


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

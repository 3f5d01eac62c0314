"""A federation of the incumbent on real nodes becomes one of ours, and the incumbent's files stay as they were."""

import json

import pytest
from incumbents import VAULT_PASSWORD, Incumbent
from integration.federations import FederationUnderTest

pytestmark = pytest.mark.lab


def test_an_imported_federation_is_one_that_configure_would_have_made(root, lab, tmp_path):
    nodes = {name: lab.node(name) for name in ("ms", "ui", "wk1", "wk2")}
    for node in nodes.values():
        node.forget()
    incumbent = Incumbent(
        {
            name: {key: getattr(node, key) for key in ("address", "port", "user", "password", "hostname")}
            for name, node in nodes.items()
        },
        data="/srv/data",
    )
    incumbent.disabled = {"wk2"}
    theirs = incumbent.write(tmp_path)
    before = {at: at.read_bytes() for at in theirs.rglob("*") if at.is_file()}
    ours = FederationUnderTest(root)
    environ = {**ours.environ, "MIP_SALT_ANSIBLE_VAULT_PASSWORD": VAULT_PASSWORD}
    environ["MIP_SALT_PASSWORD_UI"] = nodes["ui"].password
    keys = [f"--host-key={name}={node.host_key}" for name, node in nodes.items()]

    unproven = ours.cli("import", str(theirs), "--yes", "--node", "ms", check=False, env=environ)
    assert unproven.returncode == 3
    assert "Nothing was sent to the node" in unproven.stderr
    assert list(ours.federation.nodes) == []

    done = ours.cli("import", str(theirs), "--yes", "--json", *keys, env=environ)
    assert {row["id"]: row["kind"] for row in json.loads(done.stdout)["nodes"]} == dict.fromkeys(nodes, "changed")
    found = ours.federation
    assert {name: node.hostname for name, node in found.nodes.items()} == {n: nodes[n].hostname for n in nodes}
    assert found.enabled() == ["ms", "ui", "wk1"]
    assert (found.versions.mip, found.versions.exareme) == ("6.5.1", "24.3.0")
    assert found.settings.data.path == "/srv/data"
    assert ours.pinned == sorted(nodes)
    assert ours.cli("status").returncode == 0

    written = ours.folder.document.read_bytes()
    again = ours.cli("import", str(theirs), "--yes", *keys, env=environ)
    assert "Nothing to do" in again.stderr
    assert ours.folder.document.read_bytes() == written
    assert {at: at.read_bytes() for at in theirs.rglob("*") if at.is_file()} == before

"""The external pillar: what each role is told, and that nothing is told beside an entry that is not sealed."""

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.federation.settings import DOCKER, DOCKERS_KEY
from mip_salt.pillars.mip_federation import ext_pillar
from mip_salt.vault.entries import HEADER

ROWS = {"ms": "role: master", "ui": "role: ui", "wk1": "role: worker", "wk2": "role: worker, enabled: false"}


@pytest.fixture
def folder(tmp_path):
    """A federation whose entries are there and sealed; this pillar opens none of them."""
    folder = Folder(tmp_path / "brain")
    folder.create()
    rows = "".join(f"    {name}: {{{row}, address: 10.9.9.{n}}}\n" for n, (name, row) in enumerate(ROWS.items(), 1))
    folder.document.write_text(
        f"mip:\n  federation: brain\n  settings: {{jobs: 3, docker: {{source: docker-ce}}}}\n  nodes:\n{rows}"
    )
    folder.identity_public.write_text("ssh-ed25519 AAAA mip-salt:brain\n")
    for name in ROWS:
        folder.entry(name).write_text(f"{HEADER}-----BEGIN PGP MESSAGE-----\n")
    return folder


@pytest.mark.parametrize(
    ("node", "peers"),
    [("ms", {"ui", "wk1", "wk2"}), ("ui", {"ms"}), ("wk1", {"ms"}), ("wk2", {"ms"})],
)
def test_a_node_knows_the_peers_that_its_role_talks_to(folder, node, peers):
    told = ext_pillar(node, {}, str(folder.path))["mip"]
    assert set(told["peers"]) == peers
    assert all(set(peer) == {"role", "address", "hostname"} for peer in told["peers"].values())


def test_a_node_knows_itself_its_settings_and_the_public_identity(folder):
    told = ext_pillar("wk1", {}, str(folder.path))["mip"]
    assert (told["node"]["id"], told["node"]["role"], told["node"]["user"]) == ("wk1", "worker", "mipadmin")
    assert told["settings"]["data"]["path"] == "/data"
    assert told["settings"]["docker"] == {"source": "docker-ce", "mirror": DOCKER, "key": DOCKERS_KEY, "daemon": {}}
    assert not {"jobs", "deadline"} & set(told["settings"])
    assert told["identity"] == {"public_key": "ssh-ed25519 AAAA mip-salt:brain"}


NAMED = """\
mip:
  federation: brain
  settings: {%s}
  nodes:
    ms: {role: master, address: 10.9.9.1, hostname: brain-ms}
    ui: {role: ui, address: "fd00:8::2", hostname: brain-ui.chuv.ch}
    wk1: {role: worker, address: wk1.chuv.ch, hostname: brain-wk1}
    wk2: {role: worker, address: 10.9.9.4}
    wk3: {role: worker, address: 127.0.0.1, port: 2203, hostname: brain-wk3}
    wk4: {role: worker, address: "fe80::4%%eth0", hostname: brain-wk4}
"""


def test_hosts_names_the_peers_that_have_an_address_others_can_use(folder):
    folder.document.write_text(NAMED % "")
    assert ext_pillar("ms", {}, str(folder.path))["mip"]["hosts"] == {"brain-ui.chuv.ch": "fd00:8::2"}
    assert ext_pillar("wk1", {}, str(folder.path))["mip"]["hosts"] == {"brain-ms": "10.9.9.1"}


def test_hosts_is_empty_where_the_operator_wants_none(folder):
    folder.document.write_text(NAMED % "hosts: false")
    assert ext_pillar("wk1", {}, str(folder.path))["mip"]["hosts"] == {}


def test_an_id_that_is_no_node_is_told_nothing(folder):
    assert ext_pillar("wk9", {}, str(folder.path)) == {}


@pytest.mark.parametrize(
    "text", ["", "\n", "#!yaml\nmip: {}\n", "mip: {}\n", "#!mip_vault|yaml\nmip: {}\n", "#!mip_vault", " #!mip_vault\n"]
)
def test_an_entry_that_the_vault_would_not_open_is_refused_by_name(folder, text):
    folder.entry("wk1").write_text(text)
    with pytest.raises(Damaged, match="wk1: its vault entry is missing, or is not sealed"):
        ext_pillar("wk1", {}, str(folder.path))
    assert ext_pillar("ms", {}, str(folder.path))


def test_a_missing_entry_is_refused_whatever_lies_beside(folder):
    folder.entry("wk1").unlink()
    folder.entry("wk1").with_suffix("").mkdir()
    (folder.entries / "wk1" / "init.sls").write_text("mip: {}\n")
    with pytest.raises(Damaged, match="wk1"):
        ext_pillar("wk1", {}, str(folder.path))


@pytest.mark.parametrize("text", ["", "mip: [", "mip: {federation: mind}\n"])
def test_a_document_that_cannot_be_read_raises(folder, text):
    folder.document.write_text(text)
    with pytest.raises(Damaged):
        ext_pillar("wk1", {}, str(folder.path))

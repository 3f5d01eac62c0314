"""The one file, pillar/federation.sls: read strictly, edited gently."""

import pytest
import yaml
from mip_salt.errors import Damaged
from mip_salt.federation.document import begin, drop_node, load, parse, put_missing, put_node
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Node

MACHINE = "0123456789abcdef0123456789abcdef"
HAND_WRITTEN = f"""\
# Brain, agreed on 2026-11-03
mip:
  federation: brain
  nodes:
    ms: {{role: master, address: 10.0.0.11, hostname: brain-ms, machine_id: "{MACHINE}"}}   # the big one
    wk2: {{role: worker, address: 10.0.0.22}}
  settings:
    jobs: 4   # a slow pusher
"""


def test_a_hand_written_file_is_read():
    federation = parse(HAND_WRITTEN, "brain")
    assert federation.ids() == ["ms", "wk2"]
    assert federation.nodes["ms"].user == "mipadmin"
    assert federation.settings.jobs == 4


def test_comments_and_order_survive_an_edit():
    text = put_node(HAND_WRITTEN, "wk1", Node(role="worker", address="10.0.0.21"))
    assert "# Brain, agreed on 2026-11-03" in text
    assert "# the big one" in text
    assert "# a slow pusher" in text
    assert list(parse(text, "brain").nodes) == ["ms", "wk1", "wk2"]


def test_an_edit_changes_no_other_line():
    text = put_node(HAND_WRITTEN, "wk2", Node(role="worker", address="10.0.0.23", port=2222))
    changed = set(text.splitlines()) ^ set(HAND_WRITTEN.splitlines())
    assert all("wk2" in line for line in changed), changed


def test_dropping_a_node_leaves_the_others():
    assert list(parse(drop_node(HAND_WRITTEN, "ms"), "brain").nodes) == ["wk2"]


@pytest.mark.parametrize("word", ["1e3", "012345", "0x12", "yes", "on", "2026"])
def test_text_that_yaml_would_read_as_something_else_is_quoted(word):
    text = put_node(HAND_WRITTEN, "wk2", Node(role="worker", address="a", site=word, hostname="on"))
    assert yaml.safe_load(text)["mip"]["nodes"]["wk2"]["site"] == word
    assert parse(text, "brain").nodes["wk2"].hostname == "on"


@pytest.mark.parametrize("name", ["on", "2026", "1e3", "null"])
def test_a_federation_may_be_called_what_yaml_finds_special(name, tmp_path):
    folder = Folder(tmp_path / name)
    folder.create()
    assert begin(folder).federation == name


def test_all_errors_are_named_at_once_each_with_its_path():
    with pytest.raises(Damaged) as refused:
        parse("mip:\n  federation: brain\n  nodes:\n    ms: {rol: master, address: 10.0.0.1, port: 0}\n", "brain")
    text = str(refused.value)
    assert "mip.nodes.ms.role: is missing" in text
    assert "mip.nodes.ms.rol: is not a setting here" in text
    assert "mip.nodes.ms.port:" in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mip: {federation: brain, federation: brain}", "duplicate"),
        ("mip: [", "line"),
        ("- a", "one key at its top"),
        ("mip: {federation: mind}", "of federation 'mind'"),
        ("mip: {federation: brain, nodes: {ms: {role: worker, address: a}}}", "its id says master"),
        (
            "mip: {federation: brain, nodes: {wk1: {role: worker, address: a}, wk2: {role: worker, address: a}}}",
            "address of wk1",
        ),
        ("mip: {federation: brain, nodes: {wk1: {role: worker, address: a, bastion: wk2}}}", "bastion"),
        ("mip: {federation: brain, nodes: {WK1: {role: worker, address: a}}}", "id"),
        ('mip: {federation: brain, nodes: {wk1: {role: worker, address: "a b"}}}', "address"),
        ('mip: {federation: brain, nodes: {wk1: {role: worker, address: a, user: "-r"}}}', "user"),
        ("mip: {federation: brain, nodes: {wk1: {role: worker, address: a, machine_id: 12}}}", "quotes"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(text, reason):
    with pytest.raises(Damaged, match=reason):
        parse(text, "brain")


def test_a_federation_is_begun_once(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    begin(folder)
    folder.document.write_text(HAND_WRITTEN, "utf-8")
    assert begin(folder).ids() == ["ms", "wk2"]
    assert folder.document.read_text("utf-8") == HAND_WRITTEN


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Damaged, match=r"federation\.sls cannot be read"):
        load(Folder(tmp_path / "brain"))


def test_a_missing_value_is_put_where_it_belongs_and_the_rest_stays():
    before = "mip:\n  federation: brain  # ours\n  nodes: {}\n"
    after = put_missing(put_missing(before, ("versions", "mip"), "7.10"), ("settings", "data", "path"), "/srv/data")
    assert parse(after, "brain").versions.mip == "7.10"
    assert parse(after, "brain").settings.data.path == "/srv/data"
    assert yaml.safe_load(after)["mip"]["versions"]["mip"] == "7.10"
    assert "# ours" in after


def test_a_value_that_the_operator_wrote_stays():
    before = 'mip:\n  federation: brain\n  versions: {exareme: "24.5.1"}  # held\n  nodes: {}\n'
    assert put_missing(before, ("versions", "exareme"), "24.3.0") == before

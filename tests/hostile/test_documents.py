"""Whatever a file or a person says, our parsers give what is within their rules, or refuse it in words."""

import json
import unicodedata

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from mip_salt.errors import Damaged, MipError, UsageError
from mip_salt.federation.address import join_address, split_address, valid_hostname
from mip_salt.federation.document import parse, put_node
from mip_salt.federation.fingerprint import FINGERPRINT, valid_fingerprint
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.node_ids import role_of
from mip_salt.federation.nodes_file import NodesFile, parse_nodes_file
from mip_salt.printable import printable
from mip_salt.renderers.mip_roster import parse as parse_roster
from pydantic import ValidationError
from salt.exceptions import SaltClientError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ["mip", "nodes", "ms", "wk1", "role", "address", "port", "user", "federation", "master", "settings"]
)
ALIKE = st.recursive(
    st.one_of(WORDS, st.integers(), st.none(), st.text(max_size=8)),
    lambda inner: st.dictionaries(st.one_of(WORDS, st.text(max_size=4)), inner, max_size=5),
    max_leaves=20,
)


@given(st.text(max_size=300))
@example("a: &a [*a]")
@example("!!python/object/apply:os.system [id]")
@example("mip: {federation: brain, nodes: {ms: {role: master, address: a}, ms: {role: master, address: b}}}")
@example("\x00")
@example("[" * 200)
def test_any_text_is_a_federation_or_damaged(text):
    try:
        assert isinstance(parse(text, "brain"), Federation)
    except Damaged:
        return


@given(st.text(max_size=300))
@example("nodes: {ms: {role: master, address: a, password: !!binary aGk=}}")
def test_any_text_is_a_nodes_file_or_a_usage_error(text):
    try:
        assert isinstance(parse_nodes_file(text, "f.yaml"), NodesFile)
    except UsageError:
        return


@given(ALIKE | VALUES)
def test_any_document_is_taken_by_its_rules_or_refused(document):
    text = json.dumps(document)
    for reader in (lambda: parse(text, "brain"), lambda: parse_nodes_file(text, "f")):
        try:
            nodes = reader().nodes
        except MipError:
            continue
        assert all(node.role is role_of(name) for name, node in nodes.items())


@given(st.text(max_size=80))
@example("[::1]:22")
@example("fe80::1%eth0:22")
@example("-oProxyCommand=id")
def test_an_address_says_one_thing_or_is_refused(text):
    try:
        address, port = split_address(text)
    except ValueError:
        return
    assert not address.startswith("-")
    assert 0 < port < 65536
    assert not set(address) & set(" \t\n'\"`$;&|<>()/\\@")
    assert split_address(join_address(address, port)) == (address, port)


@given(st.text(max_size=300))
def test_a_hostname_is_plain_or_refused(text):
    try:
        name = valid_hostname(text)
    except ValueError:
        return
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert len(name) <= 253


@given(st.text(max_size=120) | st.from_regex(r"(256 )?SHA256:[A-Za-z0-9+/]{43}=? ?.{0,20}", fullmatch=True))
def test_a_fingerprint_is_one_or_refused(text):
    try:
        assert FINGERPRINT.match(valid_fingerprint(text))
    except ValueError:
        return


@given(st.text() | st.binary(), st.integers(1, 300))
def test_what_is_shown_is_one_line_and_inert(text, limit):
    shown = printable(text, limit)
    assert len(shown) <= limit + 1
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in shown)


@given(st.text(max_size=200) | ALIKE.map(json.dumps))
@example("wk1: {host: a, passwd: x}")
@example("wk1: {host: a}\nwk1: {host: b}")
def test_any_roster_has_only_our_fields_or_is_refused(text):
    try:
        rows = parse_roster(text, "brain")
    except SaltClientError:
        return
    assert not {field for row in rows.values() for field in row} & {"passwd", "priv_passwd", "priv"}


@pytest.mark.parametrize("federation", ["brain"])
@given(site=st.text(min_size=1, max_size=80))
@example("\x1f")
@example("12e3")
def test_any_site_comes_back_from_the_document_as_it_went_in(federation, site):
    if not site.isprintable():
        with pytest.raises(ValidationError, match="one line"):
            Node(role="worker", address="a", site=site)
        return
    before = f"mip:\n  federation: {federation}\n  nodes: {{}}\n"
    after = put_node(before, "wk1", Node(role="worker", address="a", site=site))
    assert parse(after, federation).nodes["wk1"].site == site
    assert yaml.safe_load(after)["mip"]["nodes"]["wk1"]["site"] == site

"""One value of an entry by its path, what is shown of an entry, and what no command may change."""

import pytest
from mip_salt.errors import UsageError
from mip_salt.vault.entries import Entry
from mip_salt.vault.strict_yaml import read_entry, write_entry
from mip_salt.vault.values import MASK, get_value, parse_path, put_value, refuse_reserved, same, secrets_of, shown

MACHINE = {"hostname": "brain-wk1", "machine_id": "a" * 32}
ENTRY = Entry(
    {"mip": {"identity": MACHINE}, "db": {"password": "s3cret", "port": 5432, "tls": False, "hosts": ["h1", "h2"]}},
    {"password": "kept"},
)
FEDERATION = Entry({}, {"identity_passphrase": "opens the key", "note": "mine"})


def get(path, entry=ENTRY):
    return get_value(entry, parse_path(path))


def put(path, value, entry=ENTRY):
    return put_value(entry, parse_path(path), value)


@pytest.mark.parametrize(
    "path", ["", "pillar", "pillar.", ".pillar.x", "db.password", "pillar..x", "Admin.x", "pillar.x."]
)
def test_a_path_begins_with_a_part_and_names_something_in_it(path):
    with pytest.raises(UsageError, match="is not a path in an entry"):
        parse_path(path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("pillar.db.password", "s3cret"),
        ("pillar.db.port", 5432),
        ("pillar.db.tls", False),
        ("pillar.db.hosts.1", "h2"),
        ("admin.password", "kept"),
        ("pillar.mip.identity.hostname", "brain-wk1"),
    ],
)
def test_a_value_is_found_by_its_path(path, value):
    assert get(path) is value or get(path) == value


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("pillar.x", "mip, db"),
        ("pillar.db.password.x", "nothing"),
        ("pillar.db.hosts.7", "0, 1"),
        ("admin.x.y", "password"),
    ],
)
def test_a_value_that_is_not_there_is_said_with_what_is(path, there):
    with pytest.raises(UsageError, match=f"there is no {path}") as refused:
        get(path)
    assert refused.value.hint.endswith(f": {there}")


@pytest.mark.parametrize("path", ["pillar.db", "pillar.mip", "pillar.db.hosts"])
def test_several_values_are_not_one(path):
    with pytest.raises(UsageError, match="is not one value"):
        get(path)


def test_the_identitys_passphrase_is_never_got():
    with pytest.raises(UsageError, match="is never shown"):
        get("admin.identity_passphrase", FEDERATION)


def test_a_value_is_put_where_it_is_named_and_nothing_else_changes():
    after = put("pillar.db.password", "new")
    assert after.pillar == {**ENTRY.pillar, "db": {**ENTRY.pillar["db"], "password": "new"}}
    assert after.admin == ENTRY.admin
    assert ENTRY.pillar["db"]["password"] == "s3cret"


def test_mappings_on_the_way_are_made():
    assert put("admin.a.b.c", "v").admin == {"password": "kept", "a": {"b": {"c": "v"}}}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("pillar.db", "holds more than one value"),
        ("pillar.mip.identity", "holds more than one value"),
        ("pillar.db.password.x", "pillar.db.password is not a mapping"),
        ("pillar.db.hosts.0", "pillar.db.hosts is not a mapping"),
    ],
)
def test_nothing_is_put_where_something_would_be_lost(path, why):
    with pytest.raises(UsageError, match=why):
        put(path, "v")


def test_values_are_masked_but_for_what_proves_the_machine():
    assert shown(ENTRY, secrets=False) == {
        "pillar": {
            "mip": {"identity": MACHINE},
            "db": {"password": MASK, "port": MASK, "tls": MASK, "hosts": [MASK, MASK]},
        },
        "admin": {"password": MASK},
    }


def test_values_are_shown_when_asked_for_but_for_the_identitys_passphrase():
    assert shown(ENTRY, secrets=True) == {"pillar": ENTRY.pillar, "admin": ENTRY.admin}
    assert shown(FEDERATION, secrets=True)["admin"] == {"identity_passphrase": MASK, "note": "mine"}


class TestWhatNoCommandMayChange:
    @pytest.mark.parametrize(
        "identity", [{}, {"hostname": "other", "machine_id": "a" * 32}, {**MACHINE, "more": 1}, None, "text"]
    )
    def test_what_proves_the_machine(self, identity):
        after = Entry({**ENTRY.pillar, "mip": {"identity": identity}}, ENTRY.admin)
        with pytest.raises(UsageError, match=r"pillar\.mip\.identity of wk1 cannot be changed here"):
            refuse_reserved("wk1", ENTRY, after)

    @pytest.mark.parametrize("pillar", [{}, {"mip": None}, {"mip": "text"}, {"mip": []}])
    def test_nor_what_holds_it(self, pillar):
        with pytest.raises(UsageError, match="cannot be changed here"):
            refuse_reserved("wk1", ENTRY, Entry(pillar, ENTRY.admin))

    @pytest.mark.parametrize("admin", [{}, {"identity_passphrase": "x"}, {"identity_passphrase": None}])
    def test_the_identitys_passphrase(self, admin):
        with pytest.raises(UsageError, match=r"admin\.identity_passphrase of federation cannot be changed"):
            refuse_reserved("federation", FEDERATION, Entry({}, admin))

    def test_the_federations_pillar_which_would_reach_no_node(self):
        with pytest.raises(UsageError, match="reaches no node"):
            refuse_reserved("federation", FEDERATION, Entry({"x": 1}, FEDERATION.admin))

    def test_all_else_may(self):
        more = Entry({"mip": {"identity": MACHINE, "more": 1}}, {})
        noted = Entry({}, {**FEDERATION.admin, "note": "other"})
        assert refuse_reserved("wk1", ENTRY, more) is None
        assert refuse_reserved("federation", FEDERATION, noted) is None


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ("1", 1), (None, ""), ([], {})])
def test_what_json_tells_apart_is_not_the_same(one, other):
    assert not same({"a": one}, {"a": other})
    assert same({"a": one, "b": other}, {"b": other, "a": one})


class TestAnEntryAsYaml:
    @pytest.mark.parametrize(
        "text",
        [
            "yes",
            "No",
            "on",
            "012345",
            "1e3",
            "1.10",
            "0x1F",
            "1_000",
            "1:30",
            "2026-01-01",
            "~",
            "-0",
            ".5",
            "=",
            "<<",
            ".inf",
            "1e999",
        ],
    )
    def test_what_looks_like_text_is_the_text_that_was_typed(self, text):
        assert read_entry(f"a: {text}\n") == {"a": text}

    @pytest.mark.parametrize(
        ("text", "value"), [("true", True), ("false", False), ("null", None), ("", None), ("12", 12), ("-1.5", -1.5)]
    )
    def test_what_json_would_write_is_what_json_means(self, text, value):
        found = read_entry(f"a: {text}\n")["a"]
        assert (found, type(found)) == (value, type(value))

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("a: 1\nb: 2\na: 3\n", "line 3: a stands twice"),
            ("a: {b: 1, b: 2}\n", "line 1: b stands twice"),
            ("a: [1\n", "line 2: "),
            ("a: &x 1\nb: *x\n", "line 1: & and \\* must stand in quotes"),
            ("a: *x\n", "line 1: & and \\* must stand in quotes"),
            ("1: x\n", "1: a key is text"),
            ("a: {null: x}\n", "a.None: a key is text"),
            ("a: !!binary aGk=\n", "a: is neither text"),
            ("a: !!python/object/apply:os.system [id]\n", "could not determine a constructor"),
            ('a: "\\ud800"\n', "a: is not Unicode"),
            ("? {a: b}\n: c\n", "unhashable"),
            ("[" * 1500, "not YAML that can be read"),
            ("a: \x00\n", "is not YAML"),
        ],
    )
    def test_what_is_not_an_entrys_is_refused_with_line_and_reason(self, text, why):
        with pytest.raises(UsageError, match=why):
            read_entry(text)

    def test_a_certificate_is_shown_line_by_line(self):
        assert write_entry({"cert": "-----BEGIN\nabc\n"}) == "cert: |\n  -----BEGIN\n  abc\n"


def test_secrets_are_every_text_but_what_proves_the_machine_the_longest_first():
    entry = Entry({**ENTRY.pillar, "key": "line one\nline two!\n\nx"}, {"password": "kept", "short": "abc"})
    assert secrets_of(entry) == ["line two!", "line one", "s3cret", "5432", "kept"]
    assert set(secrets_of(entry)) & {"abc", "x", *MACHINE.values()} == set()

"""Whatever stands in an entry's file, it opens to what was sealed or to nothing."""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mip_salt.errors import Damaged, MipError, UsageError
from mip_salt.vault.entries import HEADER, Entry, decode, encode
from mip_salt.vault.strict_yaml import read_entry, write_entry
from vaults import entry_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ODD = st.sampled_from(
    ["yes", "012345", "1e3", "1.10", "~", "null", "", "2026-01-01", "=", "<<", "- a", "a: b", "#x", "x #y", "'", '"']
) | st.sampled_from(
    [
        "|",
        "\n",
        "\na",
        " a\n b",
        "a\n\n",
        "\t\n",
        "\r\n",
        "\x85",
        "\u2028\n",
        "\x1b[2J",
        "!a",
        "&a",
        "*a",
        "%",
        "---",
        "? a",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | ODD
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | ODD, inner, max_size=4), max_leaves=15
)
FIELDS = st.sampled_from(["federation", "id", "pillar", "admin"])
NEAR = st.dictionaries(FIELDS, VALUES | st.sampled_from(["brain", "wk1"]) | st.dictionaries(TEXTS, VALUES, max_size=2))


@given(VALUES | NEAR)
def test_whatever_json_says_it_is_an_entry_of_ours_or_an_error_of_ours(body):
    try:
        entry = decode("brain", "wk1", json.dumps(body))
    except MipError:
        return
    assert body["federation"] == "brain"
    assert body["id"] == "wk1"
    assert (entry.pillar, entry.admin) == (body["pillar"], body["admin"])


@given(st.text(max_size=200) | st.sampled_from(["[" * 100_000, "NaN", '{"a":' * 10_000, "9" * 5000, "\ufeff{}"]))
def test_whatever_text_was_sealed_reading_it_raises_nothing_but_ours(text):
    with pytest.raises(MipError):
        decode("brain", "wk1", text)


@given(st.dictionaries(TEXTS, VALUES, max_size=3), st.dictionaries(TEXTS, VALUES, max_size=3))
def test_an_entry_comes_back_as_it_went_in_for_its_own_name_alone(pillar, admin):
    text = encode("brain", "wk1", Entry(pillar, admin))
    assert repr((decode("brain", "wk1", text).pillar, decode("brain", "wk1", text).admin)) == repr((pillar, admin))
    for federation, name in (("mind", "wk1"), ("brain", "wk2"), ("brain", "federation"), ("Brain", "wk1")):
        with pytest.raises(MipError, match="another node or federation"):
            decode(federation, name, text)


@given(st.dictionaries(TEXTS | ODD, VALUES, max_size=4))
def test_what_an_editor_is_given_and_gives_back_untouched_is_unchanged(body):
    assert repr(read_entry(write_entry(body))) == repr(body)


@given(st.text(max_size=300))
def test_whatever_an_editor_gives_back_is_json_or_a_usage_error(text):
    try:
        found = read_entry(text)
    except UsageError:
        return
    assert repr(json.loads(json.dumps(found))) == repr(found)


@st.composite
def damage(draw):
    """What one can do to an armored message without its key."""
    kind = draw(st.sampled_from(["flip", "cut", "drop", "insert", "swap", "reflow", "bytes"]))
    return kind, draw(st.integers(0, 10_000)), draw(st.integers(0, 10_000)), draw(st.binary(min_size=1, max_size=8))


def damaged(text, kind, one, two, some):
    body = text.removeprefix(HEADER)
    place, other = sorted((one % len(body), two % len(body)))
    lines = body.split("\n")
    if kind == "flip":
        return HEADER + body[:place] + chr(ord(body[place]) ^ (1 << two % 7)) + body[place + 1 :]
    if kind == "cut":
        return HEADER + body[:place]
    if kind == "drop":
        return HEADER + body[:place] + body[other:]
    if kind == "insert":
        return HEADER + body[:place] + some.decode("latin-1") + body[place:]
    if kind == "swap":
        a, b = one % len(lines), two % len(lines)
        lines[a], lines[b] = lines[b], lines[a]
        return HEADER + "\n".join(lines)
    raw = bytearray(base64.b64decode("".join(line for line in lines[2:-3] if not line.startswith("="))))
    if kind == "bytes":  # a well-made armor, without a checksum, around damaged bytes
        raw[one % len(raw)] ^= some[0] or 1
    armor = base64.b64encode(raw).decode()
    width = 64 if kind == "bytes" else 1 + two % 200
    rows = [armor[i : i + width] for i in range(0, len(armor), width)]
    return HEADER + "\n".join([*lines[:2], *rows, "-----END PGP MESSAGE-----", ""])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage())
def test_a_damaged_entry_never_opens_to_something_else(readable, how):
    good = readable.folder.entry("wk1").read_text()
    text = damaged(good, *how)
    try:
        assert readable.open("wk1", text) == entry_of("wk1")  # written otherwise, but the same message
    except Damaged:
        assert text != good
    else:
        assert text == good or how[0] in ("reflow", "drop", "insert")

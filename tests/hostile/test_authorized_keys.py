"""Whatever a user keeps in authorized_keys: our line comes and goes, every other byte stays."""

import base64
import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.data import data_root
from salt.exceptions import CommandExecutionError

KIND = b"ssh-ed25519"
BLOB = len(KIND).to_bytes(4, "big") + KIND + bytes(36)
WORD = base64.b64encode(BLOB)
LINE = b"restrict " + KIND + b" " + WORD + b" mip-salt:brain"


def load():
    spec = importlib.util.spec_from_file_location("mip_identity_hostile", data_root() / "_modules" / "mip_identity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


identity = load()
pieces = st.sampled_from(
    [b'"', b"\\", b'\\"', b" ", b"\t", b"\n", b"#", b"\r", b"\x00", b",", b"pty", KIND, WORD, LINE]
)
files = st.lists(st.one_of(pieces, st.binary(max_size=8)), max_size=40).map(b"".join)


def replaced(text, line, monkeypatch):
    """Return what would be written; only reading and writing are left out."""
    written = []
    monkeypatch.setattr(identity, "_load", lambda home, uid: identity._File("/no/such", text, 0o600, None))
    monkeypatch.setattr(identity, "_replace", lambda file: written.append(file.text))
    monkeypatch.setattr(identity.os, "mkdir", lambda *_: None)
    identity._change("/no/such", 0, BLOB, "restrict" if line else "", line)
    return written[0] if written else text


@given(text=files)
def test_after_add_the_key_stands_once_and_a_second_add_writes_nothing(text):
    with pytest.MonkeyPatch.context() as patch:
        after = replaced(text, LINE, patch)
        assert replaced(after, LINE, patch) == after
    parsed = [identity._parse(line) for line in identity._lines(after)]
    assert [found[1] for found in parsed if found and found[0] == BLOB] == [b"restrict"]


@given(text=files)
def test_every_line_that_is_not_the_key_stays_in_its_order(text):
    foreign = [line for line in identity._lines(text) if (identity._parse(line) or (None,))[0] != BLOB]
    with pytest.MonkeyPatch.context() as patch:
        for line in (LINE, None):
            after = replaced(text, line, patch)
            kept = [other for other in identity._lines(after) if (identity._parse(other) or (None,))[0] != BLOB]
            assert kept == foreign


@given(options=st.text(max_size=60), comment=st.text(max_size=60))
def test_a_line_is_one_line_that_reads_back_as_meant_or_is_refused(options, comment):
    try:
        blob, line = identity._line(f"ssh-ed25519 {WORD.decode()} {comment}", options)
    except CommandExecutionError:
        return
    assert blob == BLOB
    assert len(identity._lines(line)) == 1
    assert identity._parse(line) == (BLOB, options.encode())


@given(text=st.binary(max_size=400))
def test_no_text_breaks_the_cleaning(text):
    assert identity._clean(text).isprintable()

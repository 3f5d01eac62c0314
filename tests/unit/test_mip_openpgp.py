"""``_modules/mip_openpgp.py``, loaded as plain Python: which key is in a file, as gpg says it too."""

import base64
import contextlib
import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.data import data_root
from openpgp import keyring
from salt.exceptions import CommandExecutionError

SPEC = importlib.util.spec_from_file_location("mip_openpgp_under_test", data_root() / "_modules" / "mip_openpgp.py")
openpgp = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(openpgp)


@pytest.fixture(scope="module")
def keys():
    """Two keys and a keyring that holds them, the second with a subkey."""
    with keyring() as ring:
        ring.one, ring.two = ring.make("one <one@example.org>"), ring.make("two <two@example.org>")
        ring.gpg("--quick-add-key", ring.two, "ed25519", "sign")
        yield ring


def read(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    return openpgp.fingerprint(str(tmp_path / "key"))


def refused(tmp_path, content):
    with pytest.raises(CommandExecutionError) as caught:
        read(tmp_path, content)
    return str(caught.value)


def test_a_key_is_known_as_gpg_knows_it_in_armour_and_without(keys, tmp_path):
    assert read(tmp_path, keys.public("one")) == keys.one
    assert read(tmp_path, keys.gpg("--export", "one")) == keys.one


def test_its_subkeys_and_the_way_it_was_carried_make_no_difference(keys, tmp_path):
    armoured = keys.public("two")
    assert read(tmp_path, armoured) == keys.two
    assert read(tmp_path, b"\n" + armoured.replace(b"\n", b"\r\n") + b"\r\n") == keys.two
    assert read(tmp_path, armoured.replace(b"BLOCK-----\n", b"BLOCK-----\nComment: of ours\n", 1)) == keys.two


def test_apt_gets_what_was_judged_in_binary(keys, tmp_path):
    (tmp_path / "key").write_bytes(keys.public("one"))
    binary = base64.b64decode(openpgp.keyring(str(tmp_path / "key")))
    assert binary == keys.gpg("--export", "one")


def test_a_second_key_in_the_file_would_be_trusted_too_and_so_is_refused(keys, tmp_path):
    assert refused(tmp_path, keys.public("one", "two")) == "it holds 2 keys instead of one"
    assert refused(tmp_path, keys.gpg("--export", "one", "two")) == "it holds 2 keys instead of one"
    assert refused(tmp_path, keys.public("one") + keys.public("two")) == "it is not an OpenPGP public key"


def test_what_is_cut_off_is_refused(keys, tmp_path):
    whole = keys.gpg("--export", "one")
    assert {refused(tmp_path, whole[:end]) for end in (3, 40, len(whole) - 1)} <= {
        "its end is missing",
        "it is not an OpenPGP public key",
    }


def test_a_secret_key_a_message_a_page_and_nothing_are_no_public_key(keys, tmp_path):
    signed = keys.gpg("--sign", "--local-user", keys.one, stdin=b"hello")
    for content in (keys.gpg("--export-secret-keys", "one"), signed, b"<html>moved</html>"):
        assert refused(tmp_path, content) == "it is not an OpenPGP public key"
    assert refused(tmp_path, b"") == "it holds 0 keys instead of one"
    assert refused(tmp_path, b"\x99" * (openpgp.MAX_BYTES + 1)) == "it is too large for a key"


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_in_another_way(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    path.write_bytes(data)
    with contextlib.suppress(CommandExecutionError):
        assert len(openpgp.fingerprint(str(path))) == 40

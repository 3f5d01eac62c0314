"""Pins are lines of known_hosts, one set a node id; whatever else is in the file is left alone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from mip_salt.errors import Damaged
from mip_salt.ssh import pins
from mip_salt.ssh.hostkeys import HostKey


def key(number: int) -> HostKey:
    kind = b"ssh-ed25519"
    raw = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + bytes([number]) * 32
    return HostKey("ssh-ed25519", base64.b64encode(raw).decode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def test_what_is_pinned_is_read_back(path: Path) -> None:
    pins.pin(path, "wk1", [key(1), key(2)])
    pins.pin(path, "ms", [key(3)])
    assert pins.read(path) == {"wk1": [key(1), key(2)], "ms": [key(3)]}
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_is_no_pin(path: Path) -> None:
    assert pins.read(path) == {}
    pins.unpin(path, "wk1")
    assert not path.exists()


def test_pinning_again_replaces_only_that_node(path: Path) -> None:
    other = f"# by hand\r\n\n  {key(9).line('wk2')}   a comment\nwk10 is no key, and not ours to judge\n"
    path.write_bytes(other.encode() + (key(1).line("wk1") + "\n").encode())
    pins.pin(path, "wk1", [key(2)])
    assert path.read_bytes() == other.encode() + (key(2).line("wk1") + "\n").encode()


def test_unpinning_keeps_every_other_line_as_it_is(path: Path) -> None:
    path.write_text(f"{key(1).line('wk1')}\n# kept\n{key(2).line('wk2')}")
    pins.unpin(path, "wk1")
    assert path.read_text() == f"# kept\n{key(2).line('wk2')}"


def test_a_last_line_without_newline_is_not_joined(path: Path) -> None:
    path.write_text(key(2).line("wk2"))
    pins.pin(path, "wk1", [key(1)])
    assert pins.read(path) == {"wk2": [key(2)], "wk1": [key(1)]}


def test_what_is_pinned_already_is_not_written_again(path: Path) -> None:
    pins.pin(path, "wk1", [key(1)])
    before = path.stat().st_ino
    pins.pin(path, "wk1", [key(1)])
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("wk1 ssh-ed25519", "a line is"),
        ("wk1 ssh-ed25519 AAAA", "not of the type"),
        ("wk1 ssh-dss AAAA", "a host key is one of"),
        (key(1).line("wk1,wk2"), "node's id"),
        (key(1).line("*"), "node's id"),
        (key(1).line("|1|abc=|def="), "node's id"),
        ("@cert-authority " + key(1).line("wk1"), "node's id"),
        (key(1).line("wk1") + " " + "x" * 9000, "too long"),
        ("wké ssh-ed25519 AAAA", "plain text"),
    ],
)
def test_a_bad_line_is_named_by_its_number(path: Path, line: str, why: str) -> None:
    path.write_text(f"# first\n{key(1).line('ms')}\n{line}\n")
    with pytest.raises(Damaged, match=f"line 3: .*{why}") as caught:
        pins.read(path)
    assert str(path) in str(caught.value)


def test_an_endless_file_is_not_read(path: Path) -> None:
    path.write_bytes(b"#" * (pins.MAX_BYTES + 1))
    with pytest.raises(Damaged, match="more than"):
        pins.read(path)


def test_what_cannot_be_read_is_damaged(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Damaged, match="cannot be read"):
        pins.read(path)


def test_the_holder_of_a_key_is_found() -> None:
    known = {"wk1": [key(1), key(2)], "wk2": [key(3)]}
    assert pins.holder(known, [key(9), key(2)], "wk3") == "wk1"


def test_a_node_may_keep_its_own_key() -> None:
    assert pins.holder({"wk1": [key(1)]}, [key(1)], "wk1") is None


def test_a_new_key_has_no_holder() -> None:
    assert pins.holder({"wk1": [key(1)]}, [key(2)], "wk2") is None


@pytest.mark.parametrize("name", ["", "-x", "a b", "wk1\nms", "*"])
def test_only_an_id_can_be_pinned(path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="id"):
        pins.pin(path, name, [key(1)])
    assert not path.exists()


def test_a_node_is_never_pinned_to_nothing(path: Path) -> None:
    with pytest.raises(ValueError, match="no host key"):
        pins.pin(path, "wk1", [])

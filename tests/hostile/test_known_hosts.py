"""Whatever stands in known_hosts, it is read as whole keys of plain ids or refused; nobody else's line changes."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from mip_salt.errors import Damaged
from mip_salt.ssh import pins
from mip_salt.ssh.hostkeys import HostKey


def key(number: int) -> HostKey:
    kind = b"ssh-ed25519"
    return HostKey(
        kind.decode(), base64.b64encode(b"\0\0\0\x0b" + kind + b"\0\0\0\x20" + bytes([number]) * 32).decode()
    )


words = st.sampled_from(
    ["wk1", "ms", "wk1,ms", "*", "!wk1", "|1|a=|b=", "@revoked", "ssh-ed25519", "ssh-rsa", "#", key(1).blob]
)
line = st.one_of(
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    st.lists(words, max_size=5).map(lambda some: " ".join(some).encode()),
)
content = st.lists(line, max_size=8).map(b"\n".join)


def asked(path: Path) -> dict[str, list[HostKey]] | Damaged:
    try:
        return pins.read(path)
    except Damaged as err:
        return err


@given(content)
def test_reading_gives_whole_keys_or_names_the_line(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "known_hosts")
        path.write_bytes(data)
        found = asked(path)
        if isinstance(found, Damaged):
            assert ", line " in found.message
            assert found.message.isprintable()
            return
        for alias, keys in found.items():
            assert pins.ALIAS.match(alias)
            for one in keys:
                assert one.line(alias).encode() in b"\n".join(b" ".join(row.split()) for row in data.split(b"\n"))


@given(content, st.sampled_from(["wk1", "wk2"]))
def test_pin_and_unpin_touch_no_other_line(data: bytes, alias: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "known_hosts")
        path.write_bytes(data)
        foreign = b"\n".join(row for row in data.split(b"\n") if row.split()[:1] != [alias.encode()])
        ends = b"" if not foreign or foreign.endswith(b"\n") else b"\n"
        pins.pin(path, alias, [key(7)])
        assert path.read_bytes() == foreign + ends + key(7).line(alias).encode() + b"\n"
        pins.unpin(path, alias)
        assert path.read_bytes() == foreign + ends

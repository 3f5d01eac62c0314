"""Whatever stands in a user's authorized_keys, the install script keeps it, and the removal takes only our key off."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from mip_salt.ssh.install import INSTALL, REMOVE, key_line

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIIDtyDOajDVicpLhOetKM0PCHPq89eiiTMZWpjKGxGXM"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIPHPo+kFtt4o0XrYDTGxJxLqVkUIyRlsV2SAo0SHNR5z"
LINE = key_line(f"ssh-ed25519 {BLOB} mip-salt:brain")

plain = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=40)
options = st.sampled_from(
    ["", "restrict ", "restrict,pty ", 'command="a \\" b" ', f'command="ssh-ed25519 {BLOB}" ', 'from="x" ']
)
foreign = st.one_of(
    plain.filter(lambda text: BLOB not in text),
    plain.map(lambda text: f"#{text} ssh-ed25519 {BLOB}"),
    st.tuples(options, plain).map(lambda two: f"{two[0]}ssh-ed25519 {OTHER} {two[1]}"),
)
ours = st.tuples(options, plain).map(lambda two: f"{two[0]}ssh-ed25519 {BLOB} {two[1]}")
rows = st.lists(st.one_of(foreign.map(lambda text: (text, False)), ours.map(lambda text: (text, True))), max_size=6)


def run(script: str, content: str) -> str:
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, ".ssh/authorized_keys")
        path.parent.mkdir()
        path.write_bytes(content.encode())
        done = subprocess.run(
            ["sh", "-c", script], env={"HOME": home, "PATH": "/usr/bin:/bin"}, input=LINE, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        assert [p.name for p in path.parent.iterdir()] == ["authorized_keys"]
        return path.read_bytes().decode()


@settings(max_examples=60, deadline=None)
@given(rows)
def test_installing_keeps_foreign_lines_in_order_and_leaves_our_key_once(some: list[tuple[str, bool]]) -> None:
    after = run(INSTALL, "".join(f"{text}\n" for text, _ in some)).split("\n")
    assert after.pop() == ""
    assert after.count(LINE.decode().strip("\n")) == 1
    after.remove(LINE.decode().strip("\n"))
    assert after == [text for text, mine in some if not mine]


@settings(max_examples=40, deadline=None)
@given(rows)
def test_removing_keeps_foreign_lines_in_order(some: list[tuple[str, bool]]) -> None:
    after = run(REMOVE, "".join(f"{text}\n" for text, _ in some))
    assert after == "".join(f"{text}\n" for text, mine in some if not mine)


@settings(max_examples=20, deadline=None)
@given(rows)
def test_installing_twice_is_installing_once(some: list[tuple[str, bool]]) -> None:
    once = run(INSTALL, "\n".join(text for text, _ in some))
    assert run(INSTALL, once) == once

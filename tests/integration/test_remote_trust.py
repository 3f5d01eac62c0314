"""The one door to Salt on real nodes: who is let in, by which key, password and vault entry, and who is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from integration.asking import VICTIM, asked
from mip_salt.errors import LoginRefused
from mip_salt.federation.generate import refresh
from mip_salt.federation.model import Federation
from mip_salt.remote.results import Kind

pytestmark = pytest.mark.lab


@contextmanager
def rostered(fed: Any, **changes: Any) -> Iterator[Federation]:
    """Give the federation with the victim's row changed, in the roster too."""
    rows = {**fed.federation.nodes, VICTIM: fed.federation.nodes[VICTIM].model_copy(update=changes)}
    model = fed.federation.model_copy(update={"nodes": rows})
    refresh(fed.folder, model)
    try:
        yield model
    finally:
        refresh(fed.folder, fed.federation)


def logins(node: Any) -> int:
    return int(node.run("journalctl -u ssh --no-pager -q | grep -c 'Accepted publickey'", check=False).strip() or 0)


def test_a_changed_host_key_is_refused_and_nothing_is_sent(fed, lab, other):
    pinned = fed.folder.known_hosts.read_text()
    before = logins(lab.node(VICTIM))
    mine = [line for line in pinned.splitlines() if line.startswith(f"{VICTIM} ")]
    theirs = [
        line.replace(f"{other} ", f"{VICTIM} ", 1) for line in pinned.splitlines() if line.startswith(f"{other} ")
    ]
    try:
        fed.folder.known_hosts.write_text(pinned.replace("\n".join(mine), "\n".join(theirs)))
        done = fed.cli("apply", "--test", "--json", check=False)
    finally:
        fed.folder.known_hosts.write_text(pinned)
    kinds = {row["id"]: row["kind"] for row in json.loads(done.stdout)["nodes"]}
    assert done.returncode == 3
    assert kinds[VICTIM] == "refused"
    assert kinds[other] in ("ok", "changed")
    assert f"node trust {VICTIM} --host-key" in done.stderr or "SHA256:" in done.stdout
    assert logins(lab.node(VICTIM)) == before


def test_another_machine_under_the_confirmed_key_is_refused(fed):
    with rostered(fed, machine_id="0" * 32) as model:
        (result,) = asked(fed, "test.ping", nodes=[VICTIM], model=model)
    assert (result.kind, result.exit_code) == (Kind.REFUSED, 3)


def test_a_refused_port_is_unreachable(fed):
    with rostered(fed, port=1) as model:
        (result,) = asked(fed, "test.ping", nodes=[VICTIM], model=model)
    assert (result.kind, result.exit_code) == (Kind.UNREACHABLE, 5)
    assert "refused" in result.error


@pytest.mark.parametrize(
    ("away", "why"), [("~mipadmin/.ssh/authorized_keys", "identity"), ("/etc/sudoers.d/mip-salt", "root")]
)
def test_a_refused_login_or_sudo_is_a_login_refused(fed, lab, away, why):
    lab.node(VICTIM).run(f"mv {away} {away}.away")
    try:
        (result,) = asked(fed, "test.ping", nodes=[VICTIM])
    finally:
        lab.node(VICTIM).run(f"mv {away}.away {away}")
    assert (result.kind, result.exit_code) == (Kind.LOGIN, 4)
    assert why in result.error


@contextmanager
def sudo_by_password(fed: Any, node: Any, kept: str) -> Iterator[None]:
    """Let sudo ask for a password on a node, and keep one in the vault."""
    rule = "/etc/sudoers.d/mip-salt"
    node.run(f"mv {rule} {rule}.away; echo 'mipadmin ALL=(root) PASSWD: ALL' > /etc/sudoers.d/zz")
    words = ["vault", "set", VICTIM, "admin.password", "-"]
    fed.cli(*words, stdin=None, input=kept)
    try:
        yield
    finally:
        node.run(f"rm -f /etc/sudoers.d/zz; mv {rule}.away {rule}")
        fed.cli(*words, stdin=None, input=node.password)


def test_a_kept_password_serves_sudo_without_a_terminal(fed, lab):
    node = lab.node(VICTIM)
    with sudo_by_password(fed, node, node.password):
        (result,) = asked(fed, "cmd.run", "id -un", nodes=[VICTIM])
    assert (result.kind, result.data) == (Kind.OK, "root")


def test_a_wrong_kept_password_is_given_once(fed, lab):
    node = lab.node(VICTIM)
    with sudo_by_password(fed, node, "not it"):
        (result,) = asked(fed, "test.ping", nodes=[VICTIM], deadline=20)
    assert (result.kind, result.exit_code) == (Kind.LOGIN, 4)
    assert "incorrect password" in result.error


@pytest.mark.parametrize(
    ("harm", "kind", "code"),
    [
        (lambda mine, theirs: mine.replace(mine[400:404], "AAAA", 1), "damaged", 6),
        (lambda mine, theirs: mine[: len(mine) // 2], "damaged", 6),
        (lambda mine, theirs: "", "damaged", 6),
        (lambda mine, theirs: theirs, "refused", 3),
    ],
    ids=["changed", "cut", "emptied", "another node's"],
)
def test_a_vault_entry_that_is_not_right_stops_its_node_alone(fed, other, harm, kind, code):
    entry = fed.folder.entry(VICTIM)
    mine = entry.read_text()
    try:
        entry.write_text(harm(mine, fed.folder.entry(other).read_text()))
        done = fed.cli("apply", "--test", "--json", "--node", VICTIM, "--node", other, check=False)
    finally:
        entry.write_text(mine)
    rows = {row["id"]: row for row in json.loads(done.stdout)["nodes"]}
    assert (rows[VICTIM]["kind"], done.returncode) == (kind, code)
    assert "vault entry" in rows[VICTIM]["error"]
    assert rows[other]["kind"] in ("ok", "changed")


def test_a_locked_federation_asks_no_node(federation, lab):
    before = logins(lab.node(VICTIM))
    with pytest.raises(LoginRefused, match="locked"):
        asked(federation, "test.ping", nodes=[VICTIM])
    assert logins(lab.node(VICTIM)) == before

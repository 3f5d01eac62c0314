"""`configure --from`: the same without questions, refusing what is not proven, one failing node stopping no other."""

import json

import pytest
from integration.federations import FederationUnderTest, wish

pytestmark = pytest.mark.lab
WRONG_KEY = "SHA256:" + "A" * 43


@pytest.fixture
def empty(root, lab):
    """A federation not begun yet, and nodes that know nothing of us."""
    for name in ("ms", "ui", "wk1", "wk2"):
        lab.node(name).forget()
    return FederationUnderTest(root)


def kinds(done):
    return {row["id"]: row["kind"] for row in json.loads(done.stdout)["nodes"]}


def test_all_nodes_of_a_file_become_a_federation(empty, lab):
    done = empty.configure({name: wish(name, lab.node(name)) for name in ("ms", "ui", "wk1", "wk2")}, "--json")
    assert kinds(done) == dict.fromkeys(("ms", "ui", "wk1", "wk2"), "changed")
    assert {n.hostname for n in empty.federation.nodes.values()} == {
        lab.node(n).hostname for n in ("ms", "ui", "wk1", "wk2")
    }
    assert empty.cli("status", "--json").returncode == 0


def test_a_second_run_changes_nothing(empty, lab):
    nodes = {"wk1": wish("wk1", lab.node("wk1"))}
    empty.configure(nodes)
    before = {
        p: (p.stat().st_ino, p.read_bytes())
        for p in empty.folder.path.rglob("*")
        if p.is_file() and "run" not in p.parts and "log" not in p.parts
    }
    done = empty.configure(nodes, "--json")
    assert kinds(done) == {"wk1": "ok"}
    kept = {p: (p.stat().st_ino, p.read_bytes()) for p in before}
    changed = {str(p) for p in before if before[p] != kept[p] and "gnupg" not in p.parts}
    assert not changed


def test_a_node_without_host_key_is_refused_and_the_others_go_on(empty, lab):
    ui = lab.node("ui")
    nodes = {"ms": wish("ms", lab.node("ms")), "ui": wish("ui", ui, host_key=None)}
    done = empty.configure(nodes, "--json", check=False)
    assert done.returncode == 3
    assert kinds(done) == {"ms": "changed", "ui": "refused"}
    assert "Nothing was sent" in done.stderr
    assert ui.run("ls -A /home/mipadmin/.ssh 2>/dev/null || true") == ""
    assert list(empty.federation.nodes) == ["ms"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"host_key": WRONG_KEY}, "not the one expected"), ({"hostname": "other"}, "the file says other")],
)
def test_a_wrong_host_key_or_hostname_is_refused(empty, lab, change, reason):
    done = empty.configure({"wk1": wish("wk1", lab.node("wk1"), **change)}, check=False)
    assert done.returncode == 3
    assert reason in done.stderr
    assert not empty.federation.nodes
    assert empty.pinned == []


def test_a_wrong_password_is_one_failure_on_the_node_and_a_clear_error(empty, lab):
    node = lab.node("wk1")
    count = "journalctl -q -t sshd -t sshd-session --no-pager | grep -c 'Failed password' || true"
    before = int(node.run(count))
    done = empty.configure(
        {"wk1": wish("wk1", node, password="wrong wrong"), "wk2": wish("wk2", lab.node("wk2"))}, "--json", check=False
    )
    assert done.returncode == 4
    assert kinds(done) == {"wk1": "login", "wk2": "changed"}
    assert "password of mipadmin" in done.stderr
    assert "wrong wrong" not in done.stdout + done.stderr
    assert int(node.run(count)) == before + 1


def test_a_password_may_come_from_the_environment(empty, lab):
    node = lab.node("wk1")
    more = {"env": {**empty.environ, "MIP_SALT_PASSWORD_WK1": node.password}}
    from integration.federations import feed

    empty.cli("configure", "--from", "-", "--no-input", **feed({"wk1": wish("wk1", node, password=None)}), **more)
    assert list(empty.federation.nodes) == ["wk1"]


def test_no_password_is_needed_where_the_key_already_works(empty, lab):
    node = lab.node("wk1")
    empty.configure({"wk1": wish("wk1", node)})
    done = empty.configure({"wk1": wish("wk1", node, password=None)}, "--json")
    assert kinds(done) == {"wk1": "ok"}


def test_a_password_is_kept_only_if_asked(empty, lab):
    from mip_salt.vault.session import open_session

    empty.configure({"wk1": wish("wk1", lab.node("wk1")), "wk2": wish("wk2", lab.node("wk2"), keep_password=True)})
    with open_session(empty.folder, lambda attempt: empty.passphrase) as vault:
        assert "password" not in vault.read("wk1").admin
        assert vault.read("wk2").admin["password"] == lab.node("wk2").password
        assert "password" not in str(vault.read("wk2").pillar)


def test_the_same_machine_twice_is_refused_with_the_other_nodes_name(empty, lab):
    node = lab.node("wk1")
    empty.configure({"wk1": wish("wk1", node)})
    by_ipv6 = wish("wk2", node, address=node.address6)
    done = empty.configure({"wk2": by_ipv6}, check=False)
    assert done.returncode == 3
    assert "wk1" in done.stderr
    assert "already node wk1" in done.stderr
    assert list(empty.federation.nodes) == ["wk1"]


def test_one_of_two_rows_for_one_machine_in_one_file_is_refused(empty, lab):
    node = lab.node("wk1")
    done = empty.configure({"wk1": wish("wk1", node), "wk2": wish("wk2", node, address=node.address6)}, check=False)
    assert done.returncode == 3
    assert len(empty.federation.nodes) == 1


def test_an_unreachable_node_costs_itself_only(empty, lab):
    nodes = {"wk1": wish("wk1", lab.node("wk1")), "wk2": wish("wk2", lab.node("wk2"), address="10.213.77.250")}
    done = empty.configure(nodes, "--json", check=False)
    assert done.returncode == 5
    assert kinds(done) == {"wk1": "changed", "wk2": "unreachable"}


def test_every_error_of_the_file_is_told_at_once(empty):
    bad = {
        "ms": {"role": "worker", "address": "a b"},
        "wk01": {"role": "worker"},
        "ui": {"role": "ui", "address": "x", "port": 0},
    }
    done = empty.configure(bad, check=False)
    assert done.returncode == 2
    for path in ("nodes.ms.address", "nodes.wk01", "nodes.ui.port"):
        assert path in done.stderr
    assert not empty.folder.path.exists()


def test_ipv6_and_a_bastion(empty, lab):
    """wk2 is reached through ms, by its IPv6 address; raw salt-ssh takes the same way."""
    nodes = {
        "ms": wish("ms", lab.node("ms")),
        "wk2": wish("wk2", lab.node("wk2"), address=lab.node("wk2").address6, bastion="ms"),
    }
    empty.configure(nodes)
    empty.cli("vault", "unlock")
    try:
        done = empty.salt_ssh("-r", "wk2", "hostname")
        assert lab.node("wk2").hostname in done.stdout, done.stderr
    finally:
        empty.cli("vault", "lock")


def test_a_changed_host_key_is_refused_and_trusted_again_by_its_new_fingerprint(empty, lab):
    node = lab.node("wk1")
    empty.configure({"wk1": wish("wk1", node)})
    pinned = empty.folder.known_hosts.read_bytes()
    renew = "rm -f /etc/ssh/ssh_host_*; ssh-keygen -qA; systemctl restart ssh; "
    renew += "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2"
    fresh = node.run(renew).strip()
    try:
        status = empty.cli("status", "--json", check=False)
        assert (status.returncode, kinds(status)) == (3, {"wk1": "refused"})
        again = empty.configure({"wk1": wish("wk1", node, host_key=fresh)}, check=False)
        assert again.returncode == 3
        assert "node trust wk1" in again.stderr
        assert empty.folder.known_hosts.read_bytes() == pinned

        wrong = empty.cli("node", "trust", "wk1", "--host-key", WRONG_KEY, "--no-input", check=False)
        assert wrong.returncode == 3
        assert empty.folder.known_hosts.read_bytes() == pinned
        empty.cli("node", "trust", "wk1", "--host-key", fresh, "--no-input")
        assert empty.cli("status").returncode == 0
    finally:
        node.reset()


def test_two_federations_on_one_pusher_share_nothing(root, lab):
    one = FederationUnderTest(root, "one", "first passphrase 1492")
    two = FederationUnderTest(root, "two", "second passphrase 1789")
    one.configure({"wk1": wish("wk1", lab.node("wk1"))})
    two.configure({"wk1": wish("wk1", lab.node("wk2"))})
    assert one.folder.identity_public.read_text() != two.folder.identity_public.read_text()
    assert one.folder.known_hosts.read_text() != two.folder.known_hosts.read_text()
    stolen = FederationUnderTest(root, "two", one.passphrase)
    assert stolen.cli("status", check=False).returncode == 4
    one.folder.entry("wk1").write_bytes(two.folder.entry("wk1").read_bytes())
    done = one.cli("vault", "view", "wk1", check=False)
    assert done.returncode in (3, 6)
    listed = json.loads(one.cli("federation", "list", "--json").stdout)["federations"]
    assert [(f["federation"], f["nodes"], f["vault"]) for f in listed] == [("one", 1, "locked"), ("two", 1, "locked")]

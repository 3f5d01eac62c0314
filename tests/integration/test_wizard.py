"""The wizard, in a real terminal of 80 columns."""

import signal

import pexpect
import pytest
import yaml
from integration.federations import BIN, FederationUnderTest, wish

pytestmark = pytest.mark.lab


@pytest.fixture
def empty(root, lab):
    for name in ("ms", "ui", "wk1", "wk2"):
        lab.node(name).forget()
    return FederationUnderTest(root)


class Wizard:
    """An operator at a terminal."""

    def __init__(self, federation, *words):
        env = {k: v for k, v in federation.environ.items() if not k.startswith("MIP_SALT_VAULT")}
        env["PYTHONFAULTHANDLER"] = "1"
        call = ["--pusher", "--federation", federation.name, "configure", "all", *words]
        self.child = pexpect.spawn(
            str(BIN / "mip-salt"), call, env=env, encoding="utf-8", timeout=40, dimensions=(40, 80)
        )
        self.seen = []
        self.federation = federation

    def expect(self, text):
        self.child.expect(text)
        self.seen.append(self.child.before + self.child.after)
        return self

    def answer(self, question, text):
        self.expect(question)
        self.child.sendline(text)
        return self

    def passphrase(self, new=True):
        if new:
            return self.answer("New passphrase", self.federation.passphrase).answer(
                "The same again", self.federation.passphrase
            )
        return self.answer("Passphrase of the vault", self.federation.passphrase)

    def node(self, node, address=None, confirm="y"):
        self.answer("Address", address or node.address).answer("Administration user", "")
        self.answer("Are these its keys", "yes").answer("Password of mipadmin", node.password)
        return self.answer("Is this the machine you mean", confirm)

    def end(self):
        try:
            self.child.expect(pexpect.EOF)
        except pexpect.TIMEOUT:
            self.child.kill(signal.SIGABRT)  # faulthandler says where it hangs
            self.child.expect(pexpect.EOF)
            pytest.fail(f"it did not end: {self.child.before}")
        self.seen.append(self.child.before)
        self.child.close()
        return self.child.exitstatus

    @property
    def screen(self):
        return "".join(self.seen)


def test_from_nothing_to_a_federation(empty, lab):
    ms, ui, wk1 = lab.node("ms"), lab.node("ui"), lab.node("wk1")
    wizard = Wizard(empty).passphrase().expect("ms, the master").node(ms)
    wizard.expect("ms is").expect("ui, the web front end").node(ui, f"{ui.address}:22")
    wizard.expect("wk1, a worker").node(wk1).expect("wk2, a worker").answer("empty: no more workers", "")
    assert wizard.end() == 0
    assert {n: node.hostname for n, node in empty.federation.nodes.items()} == {
        "ms": ms.hostname,
        "ui": ui.hostname,
        "wk1": wk1.hostname,
    }
    assert empty.cli("status").returncode == 0
    # Fingerprints stood on the screen before the password was asked for; neither secret ever did.
    assert wizard.screen.index(ms.host_key) < wizard.screen.index("Password of mipadmin")
    assert ms.hostname in wizard.screen
    for secret in (empty.passphrase, ms.password, ui.password, wk1.password):
        assert secret not in wizard.screen


def test_nothing_is_sent_to_a_machine_whose_keys_are_not_confirmed(empty, lab):
    wk1 = lab.node("wk1")
    wizard = Wizard(empty, "--node", "wk1").passphrase()
    wizard.answer("Address", wk1.address).answer("Administration user", "").answer("Are these its keys", "no")
    wizard.answer("Retry, skip this node, or stop", "skip")
    assert wizard.end() == 3
    assert not empty.federation.nodes
    assert wk1.run("ls -A /home/mipadmin/.ssh 2>/dev/null || true") == ""


def test_a_pasted_fingerprint_is_compared(empty, lab):
    wk1 = lab.node("wk1")
    wizard = Wizard(empty, "--node", "wk1").passphrase()
    wizard.answer("Address", wk1.address).answer("Administration user", "").answer(
        "Are these its keys", "SHA256:" + "A" * 43
    )
    wizard.expect("not the one expected").answer("Retry, skip", "retry").answer("Address", "").answer(
        "Administration user", ""
    )
    wizard.answer("Are these its keys", wk1.host_key).answer("Password of", wk1.password).answer(
        "Is this the machine", "y"
    )
    assert wizard.end() == 0
    # Only the key that was compared is pinned; the others came over the same unproven connection.
    assert len(empty.folder.known_hosts.read_text().splitlines()) == 1


def test_a_wrong_password_is_asked_for_again_and_stops_after_three(empty, lab):
    wk1 = lab.node("wk1")
    wizard = Wizard(empty, "--node", "wk1").passphrase()
    wizard.answer("Address", wk1.address).answer("Administration user", "").answer("Are these its keys", "yes")
    for _ in range(2):
        wizard.answer("Password of", "no no no").expect("was refused").answer("Retry, skip", "retry")
    wizard.answer("Password of", "no no no").expect("lock the account").answer("Skip this node, or stop", "skip")
    assert wizard.end() == 4


def test_a_second_run_keeps_changes_removes_and_adds(empty, lab):
    nodes = {name: wish(name, lab.node(name)) for name in ("ms", "ui", "wk1")}
    empty.configure(nodes)
    before = empty.federation.nodes
    wizard = Wizard(empty).passphrase(new=False)
    wizard.expect("ms, the master").answer("Keep, change or remove", "")
    wizard.expect("ui, the web front end").answer("Keep, change or remove", "remove").answer("Remove ui", "y").expect(
        "ui is removed"
    )
    wizard.expect("wk1, a worker").answer("Keep, change or remove", "change")
    wizard.answer("Address", f"[{lab.node('wk1').address6}]:22").answer("Administration user", "").expect("wk1 is")
    wizard.expect("ui, the web front end").answer("Address", "")
    wizard.expect("wk2, a worker").node(lab.node("wk2")).expect("wk3, a worker").answer("Address", "")
    assert wizard.end() == 0
    after = empty.federation.nodes
    assert list(after) == ["ms", "wk1", "wk2"]
    assert after["ms"] == before["ms"]
    assert after["wk1"].address == lab.node("wk1").address6
    assert empty.pinned == ["ms", "wk1", "wk2"]
    assert not empty.folder.entry("ui").exists()


@pytest.mark.parametrize(
    "prompt", ["New passphrase", "Address", "Are these its keys", "Password of", "Is this the machine"]
)
def test_ctrl_c_at_any_question_keeps_what_was_confirmed_and_no_secret(empty, lab, prompt):
    ms, wk1 = lab.node("ms"), lab.node("wk1")
    new = prompt == "New passphrase"
    if not new:
        empty.configure({"ms": wish("ms", ms)})
    wizard = Wizard(empty, "--node", "wk1")
    if not new:
        wizard.passphrase(new=False)
        steps = [
            ("Address", wk1.address),
            ("Administration user", ""),
            ("Are these its keys", "yes"),
            ("Password of", wk1.password),
        ]
        for question, text in steps:
            if question == prompt:
                break
            wizard.answer(question, text)
    wizard.expect(prompt)
    wizard.child.sendintr()
    assert wizard.end() == 130
    assert list(empty.federation.nodes) == ([] if new else ["ms"])
    for path in (p for p in empty.folder.path.rglob("*") if p.is_file()):
        data = path.read_bytes()
        assert wk1.password.encode() not in data, path
        assert empty.passphrase.encode() not in data, path
    assert not empty.folder.agent_socket.exists()
    if not new:
        assert empty.cli("status").returncode == 0


def test_a_file_at_a_terminal_asks_only_for_what_it_lacks(empty, lab, tmp_path):
    wk1, wk2 = lab.node("wk1"), lab.node("wk2")
    nodes = {"wk1": wish("wk1", wk1, host_key=None, password=None), "wk2": wish("wk2", wk2)}
    (tmp_path / "nodes.yaml").write_text(yaml.safe_dump({"nodes": nodes}))
    wizard = Wizard(empty, "--from", str(tmp_path / "nodes.yaml")).passphrase()
    wizard.answer("Are these its keys", "yes").answer("Password of mipadmin on wk1", wk1.password)
    assert wizard.end() == 0
    assert sorted(empty.federation.nodes) == ["wk1", "wk2"]
    assert wk1.password not in wizard.screen
    assert "on wk2" not in wizard.screen

"""`mip-salt import` up to the first node: the plan, the nodes file, and what is refused before anything is written."""

import io
import json
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pexpect
import pytest
from incumbents import VAULT_PASSWORD, brain
from mip_salt.commands.context import Request
from mip_salt.federation.nodes_file import parse_nodes_file
from mip_salt.main import run

KEY = "SHA256:" + "A" * 43
VARIABLE = "MIP_SALT_ANSIBLE_VAULT_PASSWORD"


class Pusher:
    """A machine with a federation of the incumbent on it, and a root for ours; nobody is at its terminal."""

    def __init__(self, folder, monkeypatch, capsys):
        self.root, self.source = folder / "ours", brain().write(folder / "theirs")
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def call(self, *words, path=None, root=None, **environ):
        """Run `mip-salt import`; an environment's variable of None is not set."""
        for name, value in {VARIABLE: VAULT_PASSWORD, "COLUMNS": "200", **environ}.items():
            self.monkeypatch.delenv(name, raising=False)
            if value is not None:
                self.monkeypatch.setenv(name, value)
        self.monkeypatch.setattr(sys, "stdin", io.StringIO())
        code = run(Request(words=["--root", str(root or self.root), "import", str(path or self.source), *words]))
        out, err = self.capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)


@pytest.fixture
def tmp_path():
    """A folder with a short path: a root for federations has room for sockets."""
    with tempfile.TemporaryDirectory(prefix="mi", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def pusher(tmp_path, monkeypatch, capsys):
    return Pusher(tmp_path, monkeypatch, capsys)


def test_the_plan_tells_each_node_and_writes_nothing(pusher):
    done = pusher.call("--plan")
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=4) for line in done.stdout.splitlines()[1:]]
    assert rows[0][:4] == ["ms", "brain-ms", "10.0.0.11", "mipadmin"]
    assert [row[4].split("  ")[0] for row in rows] == ["its vault's", "asked for", "its vault's", "its vault's"]
    assert "versions.exareme  24.3.0" in done.stderr
    assert "Nothing is written yet" in done.stderr
    assert not pusher.root.exists()


def test_no_password_is_ever_shown(pusher):
    for words in (("--plan",), ("--plan", "--json"), ("--nodes-file",), ("-v",)):
        done = pusher.call(*words)
        assert "pw-of" not in done.stdout + done.stderr


def test_the_plan_is_one_document_for_programs(pusher):
    plan = json.loads(pusher.call("--plan", "--json", MIP_SALT_PASSWORD_UI="x").stdout)
    assert plan["federation"] == "brain"
    assert [(node["id"], node["role"], node["password"]) for node in plan["nodes"]] == [
        ("ms", "master", "its vault's"),
        ("ui", "ui", "given by you"),
        ("wk1", "worker", "its vault's"),
        ("wk2", "worker", "its vault's"),
    ]
    assert plan["kept"] == {"versions.mip": "6.5.1", "versions.exareme": "24.3.0"}
    assert plan["flaws"] == []


def test_chosen_nodes_alone_are_planned(pusher):
    plan = json.loads(pusher.call("--plan", "--json", "--node", "wk2", "--node", "ms").stdout)
    assert [node["id"] for node in plan["nodes"]] == ["ms", "wk2"]


def test_the_nodes_file_is_one_that_configure_takes(pusher):
    done = pusher.call("--nodes-file", "--host-key", f"wk1={KEY}", **{VARIABLE: "not looked at"})
    assert done.returncode == 0, done.stderr
    file = parse_nodes_file(done.stdout, "stdout")
    assert (file.federation, list(file.nodes)) == ("brain", ["ms", "ui", "wk1", "wk2"])
    assert (file.nodes["wk1"].hostname, file.nodes["wk1"].host_key) == ("chuv", KEY)
    assert file.nodes["ms"].host_key is None


@pytest.mark.parametrize(
    ("words", "environ", "code", "why"),
    [
        ((), {}, 2, "the plan is not confirmed"),
        (("--plan",), {VARIABLE: "wrong"}, 4, "does not open"),
        (("--node", "wk7"), {}, 2, "the incumbent has no node wk7"),
        (("--host-key", f"wk7={KEY}"), {}, 2, "the incumbent has no node wk7"),
        (("--host-key", KEY), {}, 2, "--host-key wk1=SHA256:"),
        (("--host-key", "wk1=SHA256:x"), {}, 2, "a fingerprint is"),
        (("-f", "Brain"), {}, 2, "is not a federation's name"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(pusher, words, environ, code, why):
    done = pusher.call(*words, **environ)
    assert (done.returncode, why in done.stderr) == (code, True), done.stderr
    assert not pusher.root.exists()


def test_without_a_passphrase_nobody_is_waited_for(pusher):
    done = pusher.call("--plan", **{VARIABLE: None})
    assert done.returncode == 2
    assert f"Set {VARIABLE}" in done.stderr


@pytest.mark.parametrize("variable", [VARIABLE, "ANSIBLE_VAULT_PASSWORD"])
def test_a_passphrase_leaves_the_environment(pusher, variable):
    assert pusher.call("--plan", **{VARIABLE: None, variable: VAULT_PASSWORD}).returncode == 0
    assert variable not in os.environ


def test_an_empty_passphrase_goes_on_without_the_passwords(pusher):
    plan = json.loads(pusher.call("--plan", "--json", **{VARIABLE: ""}).stdout)
    assert {node["password"] for node in plan["nodes"]} == {"asked for"}


@pytest.mark.parametrize("where", ["theirs", "theirs/brain/exareme"])
def test_the_incumbents_own_folder_is_not_made_ours(pusher, tmp_path, where):
    done = pusher.call("--yes", root=tmp_path / where)
    assert done.returncode == 2
    assert "is the incumbent's own folder" in done.stderr
    assert not (pusher.source / "pillar").exists()


def test_nor_is_it_by_a_backup_of_it(pusher, tmp_path):
    backup = brain().pack(pusher.source, tmp_path / "b.tar.gz")
    done = pusher.call("--yes", path=backup, root=tmp_path / "theirs")
    assert done.returncode == 2
    assert "is the incumbent's own folder" in done.stderr


def test_another_name_is_warned_of_because_the_data_are_called_so(pusher):
    assert "Its name was brain" in pusher.call("--plan", "-f", "mind").stderr
    assert "Its name was" not in pusher.call("--plan").stderr


def test_a_name_that_is_none_of_ours_has_to_be_replaced(pusher):
    renamed = pusher.source.rename(pusher.source.with_name("Brain_2"))
    done = pusher.call("--plan", path=renamed)
    assert done.returncode == 2
    assert "-f NAME" in done.stderr


def test_a_passphrase_is_asked_for_hidden_and_again_when_it_is_wrong(pusher):
    call = ["-m", "mip_salt", "--root", str(pusher.root), "import", str(pusher.source)]
    child = pexpect.spawn(sys.executable, call, encoding="utf-8", timeout=30, dimensions=(40, 120))
    child.expect("Ansible Vault password")
    child.sendline("not this one")
    child.expect("1 of 3")
    child.expect("Ansible Vault password")
    child.sendline(VAULT_PASSWORD)
    child.expect("Make ms, ui, wk1, wk2 nodes of the federation brain")
    assert VAULT_PASSWORD not in child.before
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
    assert not pusher.root.exists()

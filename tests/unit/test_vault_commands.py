"""`mip-salt vault …`: what each command prints, refuses, notes and leaves behind."""

import fcntl
import io
import json
import os
import sys
import unicodedata
from types import SimpleNamespace

import pytest
import yaml
from mip_salt.commands.context import Request
from mip_salt.main import run
from mip_salt.questions.passphrase import NEW_VARIABLE, VARIABLE
from mip_salt.vault import agent, session
from mip_salt.vault.keyring import Vault
from unit.vault_folders import NEW, assert_closed, journal, read
from vaults import KEPT, MACHINES, PASSPHRASE, SECRETS, Answers, copy_of, entry_of, short_folder


def commands(folder, monkeypatch, capsys):
    def command(*words, stdin=b"", passphrase=PASSPHRASE, new=None):
        for variable, value in ((VARIABLE, passphrase), (NEW_VARIABLE, new)):
            monkeypatch.setenv(variable, value) if value is not None else monkeypatch.delenv(variable, raising=False)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(Request(words=["--root", str(folder.path.parent), "-f", "brain", "vault", *words]))
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return command


@pytest.fixture
def vault(brain, monkeypatch, capsys):
    """Run `mip-salt vault …` on brain; the passphrase comes from the environment unless told otherwise."""
    return commands(brain, monkeypatch, capsys)


@pytest.fixture(scope="module")
def shared(made_once):
    """A federation brain that stays open for all that changes nothing in it."""
    with short_folder() as root:
        folder = copy_of(made_once, root / "brain")
        session.unlock_for_good(folder, Answers())
        yield folder


@pytest.fixture
def look(shared, monkeypatch, capsys):
    """Run `mip-salt vault …` on the shared one."""
    return commands(shared, monkeypatch, capsys)


class TestUnlockAndLock:
    def test_unlock_leaves_it_open_and_lock_closes_it(self, vault, brain):
        done = vault("unlock")
        assert (done.code, done.out) == (0, "")
        assert f"mip-salt --root {brain.path.parent} -f brain vault lock" in " ".join(done.err.split())
        assert session.status(brain).unlocked
        done = vault("view", "wk1", passphrase=None)  # nothing is asked
        assert done.code == 0
        assert session.status(brain).unlocked
        done = vault("lock", passphrase=None)
        assert (done.code, done.out) == (0, "")
        assert_closed(brain)

    def test_a_wrong_passphrase_is_4_and_leaves_it_closed(self, vault, brain):
        for command in (["unlock"], ["view"], ["get", "wk1", "pillar.db.password"], ["edit"], ["passwd"]):
            done = vault(*command, passphrase="wrong", new=NEW)
            assert done.code == 4
            assert "wrong passphrase for the vault of brain" in done.err
            assert done.out == ""
            assert_closed(brain)

    def test_a_wrong_passphrase_closes_what_was_open(self, vault, brain):
        vault("unlock")
        assert vault("passwd", passphrase="wrong", new=NEW).code == 4
        assert_closed(brain)

    def test_without_a_passphrase_and_nobody_there_it_is_2(self, vault, brain):
        done = vault("unlock", passphrase=None)
        assert done.code == 2
        assert VARIABLE in done.err

    def test_lock_works_while_another_command_holds_the_federation(self, vault, brain):
        vault("unlock")
        with brain.lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert vault("view").code == 6
            assert vault("lock").code == 0
            assert vault("status").code == 0
        assert_closed(brain)

    def test_lock_closes_a_federation_that_others_can_read_and_the_rest_is_refused(self, vault, brain):
        vault("unlock")
        brain.path.chmod(0o750)
        for command in (["unlock"], ["view"], ["set", "wk1", "pillar.x", "-"], ["edit"], ["passwd"]):
            assert vault(*command, stdin=b"x").code == 6
        assert vault("lock").code == 0
        assert_closed(brain)


class TestStatus:
    def test_it_is_read_without_opening_anything(self, vault, brain):
        done = vault("status", "--json", passphrase=None)
        assert done.code == 0
        assert json.loads(done.out)["vault"] == {
            "exists": True, "unlocked": False, "agent": False, "entries": ["ms", "wk1", "wk2"]
        }  # fmt: skip
        vault("unlock")
        assert json.loads(vault("status", "--json").out)["vault"]["unlocked"] is True
        assert "open until locked" in vault("status").out

    def test_a_missing_vault_is_no_error_to_look_at(self, vault, brain):
        brain.vault.unlink()
        done = vault("status")
        assert done.code == 0
        assert "missing" in done.out
        assert vault("unlock").code == 6

    def test_what_a_killed_command_left_open_is_said(self, vault, brain):
        Vault(brain).unlock(PASSPHRASE)
        agent.start(brain, Vault(brain).read("federation").admin["identity_passphrase"])
        done = vault("status")
        assert done.code == 0
        assert "locked" in done.out
        assert "killed one left it open" in done.err


class TestView:
    def test_an_entry_is_yaml_with_its_values_masked(self, look):
        done = look("view", "wk1")
        assert done.code == 0
        assert yaml.safe_load(done.out) == {
            "pillar": {
                "mip": {"identity": {"hostname": "brain-wk1", "machine_id": MACHINES["wk1"]}},
                "db": {"password": "••••"},
            },
            "admin": {"password": "••••"},
        }

    def test_with_secrets_the_values_are_there(self, look):
        done = look("view", "wk1", "--secrets")
        entry = entry_of("wk1")
        assert yaml.safe_load(done.out) == {"pillar": entry.pillar, "admin": entry.admin}

    def test_without_an_id_it_is_the_federations_whose_own_secret_is_never_shown(self, look, shared):
        secret = Vault(shared).read("federation").admin["identity_passphrase"]
        for words in ([], ["--secrets"], ["federation", "--secrets", "--json"]):
            done = look("view", *words)
            assert done.code == 0
            assert "identity_passphrase" in done.out
            assert secret not in done.out + done.err

    def test_json_is_one_document(self, look):
        document = json.loads(look("view", "wk2", "--secrets", "--json").out)
        assert document["id"] == "wk2"
        assert document["entry"]["pillar"]["db"]["password"] == SECRETS["wk2"]

    @pytest.mark.parametrize("name", ["wk3", "brain", "../wk1", "WK1", ""])
    def test_an_unknown_id_is_2_and_lists_those_there_are(self, look, name):
        done = look("view", name)
        assert done.code == 2
        assert "federation, ms, wk1, wk2" in done.err

    def test_a_damaged_entry_is_6_and_a_foreign_one_3(self, vault, brain):
        brain.entry("wk1").write_bytes(brain.entry("wk2").read_bytes())
        done = vault("view", "wk1")
        assert (done.code, done.out) == (3, "")
        assert "wk1: its vault entry was sealed for another node" in done.err
        brain.entry("wk1").write_text("")
        done = vault("view", "wk1")
        assert (done.code, done.out) == (6, "")
        assert vault("view", "wk2").code == 0


class TestGetAndSet:
    def test_a_value_is_printed_as_it_is(self, vault, brain):
        odd = "tab\t[red]é\x07 ;$x\nand more\n"
        assert vault("set", "wk1", "pillar.odd", "-", stdin=odd.encode() + b"\n").code == 0
        assert vault("get", "wk1", "pillar.odd").out == odd + "\n"
        assert read(brain, "wk1").pillar["odd"] == odd

    def test_of_stdin_one_newline_is_left_off(self, vault, brain):
        vault("set", "wk1", "admin.note", "-", stdin=b"one line\n")
        assert read(brain, "wk1").admin == {"password": KEPT["wk1"], "note": "one line"}

    def test_json_tells_the_value(self, look):
        document = json.loads(look("get", "wk1", "admin.password", "--json").out)
        assert (document["path"], document["value"]) == ("admin.password", KEPT["wk1"])

    def test_the_identitys_passphrase_is_not_given(self, look, shared):
        done = look("get", "federation", "admin.identity_passphrase")
        assert (done.code, done.out) == (2, "")

    def test_a_value_on_the_command_line_is_refused_and_not_repeated(self, look, shared):
        before = shared.entry("wk1").read_bytes()
        look("view")
        for words in ([], ["--json"]):
            done = look("set", "wk1", "pillar.db.password", "hunter2hunter2", *words)
            assert done.code == 2
            assert "hunter2" not in done.out + done.err
        assert "hunter2" not in (shared.log / "journal").read_text()
        assert shared.entry("wk1").read_bytes() == before

    @pytest.mark.parametrize(
        ("words", "stdin", "why"),
        [
            (["wk1", "pillar.mip.identity.hostname", "-"], b"x", "cannot be changed here"),
            (["wk1", "pillar.mip", "-"], b"x", "holds more than one value"),
            (["federation", "admin.identity_passphrase", "-"], b"x", "cannot be changed here"),
            (["federation", "pillar.x", "-"], b"x", "reaches no node"),
            (["wk1", "db.password", "-"], b"x", "is not a path"),
            (["wk9", "pillar.x", "-"], b"x", "no vault entry 'wk9'"),
            (["wk1", "pillar.x", "-"], b"", "nothing was given"),
            (["wk1", "pillar.x", "-"], b"\xff\xfe", "not UTF-8"),
            (["wk1", "pillar.x"], b"", "nobody is there to ask"),
        ],
    )
    def test_what_cannot_be_set_is_2_and_nothing_is_written(self, look, shared, words, stdin, why):
        before = {path: path.read_bytes() for path in shared.pillar.rglob("*.sls")}
        done = look("set", *words, stdin=stdin)
        assert done.code == 2
        assert why in done.err
        assert {path: path.read_bytes() for path in shared.pillar.rglob("*.sls")} == before

    def test_the_same_value_again_writes_nothing_and_says_so(self, look, shared):
        before = shared.entry("wk1").read_bytes()
        done = look("set", "wk1", "pillar.db.password", "-", stdin=SECRETS["wk1"].encode())
        assert done.code == 0
        assert "is unchanged; nothing was written" in done.err
        assert shared.entry("wk1").read_bytes() == before

    def test_the_journal_tells_the_deed_and_not_the_value(self, vault, brain):
        vault("set", "wk1", "pillar.db.password", "-", stdin=b"hunter2hunter2")
        vault("get", "wk1", "pillar.none")
        assert [(line["what"], line["result"]) for line in journal(brain)] == [
            ("vault set wk1 pillar.db.password", "done"),
            ("vault get wk1 pillar.none", "failed"),
        ]
        assert "hunter2" not in (brain.log / "journal").read_text()

    def test_help_says_what_reaches_salt(self, look):
        done = look("set", "--help")
        assert "reaches Salt" in done.out
        assert "never does" in done.out


class TestPasswd:
    def test_the_new_one_opens_and_what_was_closed_stays_closed(self, vault, brain):
        assert vault("passwd", new=NEW).code == 0
        assert_closed(brain)
        assert vault("view").code == 4
        assert vault("view", passphrase=unicodedata.normalize("NFD", NEW)).code == 0

    def test_what_was_open_stays_open(self, vault, brain):
        vault("unlock")
        assert vault("passwd", new=NEW).code == 0
        assert session.status(brain).unlocked
        assert vault("view", "wk1", passphrase=None).code == 0
        vault("lock")
        assert vault("view", passphrase=PASSPHRASE).code == 4

    @pytest.mark.parametrize("new", ["short", PASSPHRASE, KEPT["wk1"], "aaaaaaaaaaaaaaa"])
    def test_one_that_is_not_good_enough_is_2_and_the_old_one_holds(self, vault, brain, new):
        done = vault("passwd", new=new)
        assert done.code == 2
        assert new not in done.err
        assert_closed(brain)
        assert vault("view").code == 0

    def test_without_a_new_one_and_nobody_there_it_is_2(self, vault, brain):
        done = vault("passwd")
        assert done.code == 2
        assert NEW_VARIABLE in done.err

    def test_neither_stays_in_the_environment(self, vault):
        vault("passwd", new=NEW)
        assert VARIABLE not in os.environ
        assert NEW_VARIABLE not in os.environ

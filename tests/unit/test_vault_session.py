"""One command, one session: what it opened is closed at its end; `vault unlock` alone leaves it open."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mip_salt.errors import Damaged, LoginRefused
from mip_salt.federation.folder import Folder
from mip_salt.vault import agent, session
from mip_salt.vault.identity import identity_passphrase
from mip_salt.vault.keyring import Vault
from vaults import KEPT, PASSPHRASE, SECRETS, Answers, Nobody, entry_of, make_federation, short_folder


def ssh_add(folder, *arguments):
    env = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(folder.agent_socket)}
    return subprocess.run(["ssh-add", *arguments], env=env, capture_output=True, text=True)


def pids():
    return {name for name in os.listdir("/proc") if name.isdigit()}


def processes_of(folder, but=frozenset()):
    """Every process that names the federation's folder, by pid, with its arguments and environment."""
    found = {}
    for place in (Path("/proc", pid) for pid in pids() - but):
        try:
            seen = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder.path) in seen[0] and int(place.name) != os.getpid():
            found[int(place.name)] = seen
    return found


def assert_closed(folder):
    assert not Vault(folder).unlocked()
    assert not agent.alive(folder)
    assert not folder.agent_socket.exists()
    with pytest.raises(LoginRefused, match="is locked"):
        Vault(folder).read("wk1")


def test_a_session_opens_the_vault_and_the_identity(brain):
    with session.open_session(brain, Answers()) as vault:
        assert vault.read("wk1") == entry_of("wk1")
        public = brain.identity_public.read_text().split()[:2]
        assert ssh_add(brain, "-L").stdout.split()[:2] == public


def test_it_is_closed_at_its_end(brain):
    with session.open_session(brain, Answers()):
        pass
    assert_closed(brain)
    assert ssh_add(brain, "-L").returncode != 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_it_is_closed_however_it_ends(brain, error):
    with pytest.raises(error), session.open_session(brain, Answers()):
        raise error
    assert_closed(brain)


def test_a_wrong_passphrase_is_asked_for_three_times(brain):
    answers = Answers("wrong passphrase one")
    with pytest.raises(LoginRefused, match="wrong passphrase"), session.open_session(brain, answers):
        pass
    assert answers.asked == 3
    assert_closed(brain)


def test_the_third_answer_may_be_the_right_one(brain):
    answers = Answers("wrong one", "wrong two", PASSPHRASE)
    with session.open_session(brain, answers) as vault:
        assert vault.read("wk1") == entry_of("wk1")
    assert answers.asked == 3


def test_an_interrupted_question_leaves_it_closed(brain):
    def interrupted(attempt):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), session.open_session(brain, interrupted):
        pass
    assert_closed(brain)


class TestUnlockedForGood:
    @pytest.fixture
    def open_brain(self, brain):
        session.unlock_for_good(brain, Answers())
        return brain

    def test_sessions_ask_nothing_and_leave_it_open(self, open_brain):
        for _ in range(2):
            with session.open_session(open_brain, Nobody()) as vault:
                assert vault.read("wk1") == entry_of("wk1")
        with pytest.raises(ValueError, match="amid"), session.open_session(open_brain, Nobody()):
            raise ValueError("amid")
        assert session.status(open_brain) == session.VaultStatus(True, True, True, ["ms", "wk1", "wk2"])

    def test_a_second_unlock_asks_nothing(self, open_brain):
        session.unlock_for_good(open_brain, Nobody())
        assert session.status(open_brain).unlocked

    def test_lock_closes_it_and_the_next_session_asks(self, open_brain):
        session.lock(open_brain)
        assert_closed(open_brain)
        answers = Answers()
        with session.open_session(open_brain, answers):
            pass
        assert answers.asked == 1

    def test_a_dead_ssh_agent_is_started_again_without_a_question(self, open_brain):
        agent.stop(open_brain)
        with session.open_session(open_brain, Nobody()):
            assert agent.alive(open_brain)

    def test_a_dead_gpg_agent_is_asked_for_again(self, open_brain):
        Vault(open_brain).lock()
        answers = Answers()
        with session.open_session(open_brain, answers):
            pass
        assert answers.asked == 1
        assert_closed(open_brain)

    def test_another_federation_stays_closed(self, open_brain, mind):
        assert not session.status(mind).unlocked
        assert not agent.alive(mind)


def test_what_a_killed_command_left_open_does_not_count_as_unlocked(brain):
    code = (
        "import sys, os, signal; sys.path[:0] = [sys.argv[2]]\n"
        "from pathlib import Path; from mip_salt.vault import session; from vaults import Answers\n"
        "from mip_salt.federation.folder import Folder\n"
        "with session.open_session(Folder(Path(sys.argv[1])), Answers()): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(brain.path), str(Path(__file__).parents[1])])
    assert done.returncode == -signal.SIGKILL
    assert Vault(brain).unlocked()  # its agent is warm, and would take any passphrase
    assert not session.status(brain).unlocked
    with pytest.raises(LoginRefused), session.open_session(brain, Answers("wrong")):
        pass
    assert_closed(brain)


def test_a_failed_unlock_leaves_no_mark(brain):
    with pytest.raises(LoginRefused):
        session.unlock_for_good(brain, Answers("wrong"))
    assert_closed(brain)
    Vault(brain).unlock(PASSPHRASE)
    assert not session.status(brain).unlocked


def test_locking_what_is_locked_or_was_never_made_is_no_error(brain, tmp_path):
    session.lock(brain)
    session.lock(Folder(tmp_path / "nothing"))
    assert_closed(brain)
    assert not (tmp_path / "nothing").exists()


def test_a_missing_vault_is_made_only_where_that_is_meant():
    with short_folder() as root:
        folder = Folder(root / "new")
        folder.create()
        with pytest.raises(Damaged, match="the vault of new is missing"), session.open_session(folder, Nobody()):
            pass
        with session.open_session(folder, Answers(), create=True):
            assert agent.alive(folder)
        assert session.status(folder) == session.VaultStatus(True, False, False, [])


def test_a_kill_between_vault_and_identity_is_made_good(brain):
    """The vault's entry is written before the key: a key that nothing opens can never be."""
    brain.identity.unlink()
    brain.identity_public.unlink()
    with session.open_session(brain, Answers(), create=True) as vault:
        assert agent.alive(brain)
        assert vault.read("wk1") == entry_of("wk1")


class TestTheIdentity:
    def test_on_disk_it_opens_by_nothing_but_what_the_vault_holds(self, brain):
        def ssh_keygen(passphrase):
            call = ["ssh-keygen", "-y", "-P", passphrase, "-f", brain.identity]
            return subprocess.run(call, capture_output=True, text=True)

        for guess in ("", PASSPHRASE):
            done = ssh_keygen(guess)
            assert done.returncode != 0
            assert "incorrect passphrase" in done.stderr
        with session.open_session(brain, Answers()) as vault:
            # Its passphrase in argv is only this test's: the product never calls ssh-keygen.
            done = ssh_keygen(identity_passphrase(brain, vault))
        assert done.stdout.split()[:2] == brain.identity_public.read_text().split()[:2]

    def test_no_secret_is_in_clear_in_any_file(self, brain):
        with session.open_session(brain, Answers()) as vault:
            secrets = [PASSPHRASE, identity_passphrase(brain, vault), *SECRETS.values(), *KEPT.values()]
            text = {path: path.read_bytes() for path in brain.path.rglob("*") if path.is_file()}
        for path, data in text.items():
            assert not [secret for secret in secrets if secret.encode() in data], path
        key = brain.identity.read_bytes()
        assert b"aes256" in __import__("base64").b64decode(b"".join(key.split(b"\n")[1:-2]))
        assert sum(b"PRIVATE KEY" in data for data in text.values()) == 1

    def test_another_vaults_passphrase_does_not_open_it(self, brain, mind):
        brain.identity.write_bytes(mind.identity.read_bytes())
        with pytest.raises(Damaged, match="the identity cannot be opened"), session.open_session(brain, Answers()):
            pass
        assert_closed(brain)

    def test_a_vault_without_its_passphrase_says_so(self, brain):
        Vault(brain).unlock(PASSPHRASE)
        Vault(brain).write("federation", entry_of("ms"))
        with (
            pytest.raises(Damaged, match="does not hold the identity's passphrase"),
            session.open_session(brain, Answers()),
        ):
            pass

    def test_the_agent_lets_go_of_it_when_the_vaults_own_agent_would(self, brain):
        with session.open_session(brain, Answers()):
            (line,) = [
                seen[0].replace(b"\0", b" ").decode()
                for seen in processes_of(brain).values()
                if b"ssh-agent" in seen[0]
            ]
        assert re.search(r" -t 28800\b", line)
        assert "default-cache-ttl 28800" in (brain.gnupg / "gpg-agent.conf").read_text()


def test_no_secret_is_ever_in_arguments_or_environment_of_a_process():
    """All children are looked at while a vault is made, opened, refused, read, written and given another passphrase."""
    seen, over = {}, threading.Event()
    before = pids()  # a machine may have thousands
    other = "another long passphrase ü"
    with short_folder() as root:
        folder = Folder(root / "brain")

        def watch():
            while not over.is_set():
                seen.update(processes_of(folder, but=before))
                time.sleep(0.001)  # a child lives for 20 ms and more

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            make_federation(folder.path, nodes=["wk1"])
            with session.open_session(folder, Answers("wrong wrong wrong", PASSPHRASE)) as vault:
                vault.write("wk1", vault.read("wk1"))
                secret = identity_passphrase(folder, vault)
            Vault(folder).change_passphrase(PASSPHRASE, other)
        finally:
            over.set()
            watcher.join()
    programs = {Path(arguments.split(b"\0")[0].decode()).name for arguments, _ in seen.values()}
    assert programs >= {"gpg", "gpg-agent", "ssh-agent"}
    words = [PASSPHRASE, other, "wrong wrong wrong", secret, SECRETS["wk1"], KEPT["wk1"]]
    for arguments, environ in seen.values():
        assert not [word for word in words if word.encode() in arguments + environ]
        assert b"MIP_SALT" not in environ


def test_nothing_runs_on_after_a_session(brain):
    with session.open_session(brain, Answers()):
        assert processes_of(brain)
    deadline = time.monotonic() + 10
    while processes_of(brain) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_of(brain)

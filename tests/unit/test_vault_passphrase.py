"""Another passphrase for the vault: the new one opens, the old one does not; whatever breaks off keeps the old one."""

import os

import pytest
from mip_salt.errors import Damaged, LoginRefused
from mip_salt.vault import session
from mip_salt.vault.key_files import keep_spare
from mip_salt.vault.keyring import Vault
from vaults import PASSPHRASE, Answers, copy_of, entry_of, short_folder


class TestAnotherPassphrase:
    NEW = "an entirely new one €"

    def test_the_new_one_opens_and_the_old_one_does_not(self, brain):
        entries = {path: path.read_bytes() for path in brain.pillar.rglob("*.sls")}
        before = sorted(path.name for path in brain.gnupg.iterdir())
        Vault(brain).change_passphrase(PASSPHRASE, self.NEW)
        session.lock(brain)
        with pytest.raises(LoginRefused):
            Vault(brain).unlock(PASSPHRASE)
        with session.open_session(brain, Answers(self.NEW)) as vault:
            assert vault.read("wk1") == entry_of("wk1")
        assert {path: path.read_bytes() for path in brain.pillar.rglob("*.sls")} == entries
        after = [path.name for path in brain.gnupg.iterdir() if path.name != "random_seed"]
        assert sorted(after) == [name for name in before if name != "random_seed"]
        keys = list((brain.gnupg / "private-keys-v1.d").iterdir())
        assert [path.suffix for path in keys] == [".key", ".key"]
        assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}

    @pytest.mark.parametrize("new", ["  with blanks around  ", "back\\slash and %41", "battery 🐎🔋 staple", "x" * 255])
    def test_it_may_be_any_line(self, brain, new):
        Vault(brain).change_passphrase(PASSPHRASE, new)
        Vault(brain).unlock(new)
        assert Vault(brain).read("wk1") == entry_of("wk1")

    def test_with_a_wrong_old_one_nothing_is_changed(self, brain):
        keys = {path: path.read_bytes() for path in (brain.gnupg / "private-keys-v1.d").iterdir()}
        with pytest.raises(LoginRefused, match="wrong passphrase"):
            Vault(brain).change_passphrase("wrong", self.NEW)
        assert {path: path.read_bytes() for path in (brain.gnupg / "private-keys-v1.d").iterdir()} == keys
        Vault(brain).unlock(PASSPHRASE)

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt, OSError])
    def test_interrupted_the_old_one_holds(self, brain, monkeypatch, interrupt):
        class Stopped(Vault):
            def _sign_and_open(self, secret):
                if secret == TestAnotherPassphrase.NEW:
                    raise interrupt
                super()._sign_and_open(secret)

        with pytest.raises(interrupt):
            Stopped(brain).change_passphrase(PASSPHRASE, self.NEW)
        Vault(brain).unlock(PASSPHRASE)
        assert Vault(brain).read("wk1") == entry_of("wk1")
        assert not list(brain.gnupg.glob("private-keys-[!v]*"))

    @pytest.mark.parametrize("changed", [0, 1, 2])
    def test_killed_with_some_key_files_replaced_the_old_one_holds(self, brain, changed):
        """The state that a kill leaves is built by hand: gpg replaces one key file after the other."""
        with short_folder() as root:
            after = copy_of(brain, root / "brain")
            Vault(after).change_passphrase(PASSPHRASE, self.NEW)
            keep_spare(brain.gnupg)
            for key in sorted((after.gnupg / "private-keys-v1.d").iterdir())[:changed]:
                (brain.gnupg / "private-keys-v1.d" / key.name).write_bytes(key.read_bytes())
        Vault(brain).unlock(PASSPHRASE)
        assert Vault(brain).read("wk1") == entry_of("wk1")
        assert not list(brain.gnupg.glob("private-keys-[!v]*"))

    def test_killed_while_the_spare_was_copied_nothing_is_lost(self, brain):
        (brain.gnupg / "private-keys-copy.d").mkdir()
        (brain.gnupg / "private-keys-copy.d" / "half.key").write_text("half")
        Vault(brain).unlock(PASSPHRASE)
        Vault(brain).change_passphrase(PASSPHRASE, self.NEW)
        Vault(brain).unlock(self.NEW)
        assert Vault(brain).read("wk1") == entry_of("wk1")

    def test_a_gpg_that_refuses_is_a_damage_and_not_a_wrong_passphrase(self, brain):
        class Deaf(Vault):
            def _run(self, arguments, *answers):
                super()._run(["--version"])

        with pytest.raises(Damaged, match="could not change the passphrase; the old one still holds"):
            Deaf(brain).change_passphrase(PASSPHRASE, self.NEW)
        Vault(brain).unlock(PASSPHRASE)


def test_a_disk_without_room_keeps_entry_and_passphrase(brain, monkeypatch):
    """A full disk cannot be had here; the write is made to fail as one does."""
    import errno

    from mip_salt.federation import files

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    Vault(brain).unlock(PASSPHRASE)
    before = brain.entry("wk1").read_bytes()
    monkeypatch.setattr(files.os, "fsync", full)
    for work in (
        lambda: Vault(brain).write("wk1", entry_of("wk2")),
        lambda: Vault(brain).change_passphrase(PASSPHRASE, "another passphrase x"),
    ):
        with pytest.raises(Damaged, match="No space left"):
            work()
    monkeypatch.undo()
    assert brain.entry("wk1").read_bytes() == before
    Vault(brain).unlock(PASSPHRASE)

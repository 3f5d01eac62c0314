"""``_modules/mip_identity.py`` works in a child, as the user: what either can do to the other, and to whose files."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError
from unit.identities import FOREIGN, KEY, keys_file

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_a_child_that_the_user_kills_is_a_failure(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "_find", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(CommandExecutionError, match="was broken off"):
        identity.check("mipadmin", KEY)


def test_a_child_that_the_user_stops_is_given_up(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "DEADLINE", 0.2)
    monkeypatch.setattr(identity, "_find", lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
    with pytest.raises(CommandExecutionError, match="gave no answer"):
        identity.check("mipadmin", KEY)


@as_root
def test_the_work_is_done_as_the_user_with_no_group_of_roots(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "_find", lambda *_: {"ids": [os.getresuid(), os.getresgid(), os.getgroups()]})
    assert identity.check("mipadmin", KEY)["ids"] == [[65534] * 3, [65534] * 3, [65534]]


@as_root
def test_the_user_cannot_look_into_the_child(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "_find", lambda *_: {"owner": os.stat(f"/proc/{os.getpid()}/mem").st_uid})
    assert identity.check("mipadmin", KEY)["owner"] == 0


@as_root
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_symlink_to_roots_file_changes_nothing_there(identity, home, mode):
    folder = Path(tempfile.mkdtemp(prefix="mip-root-"))
    try:
        folder.chmod(0o755)
        victim = folder / "shadow"
        victim.write_text("root:*:\n")
        victim.chmod(mode)
        file = keys_file(home, "")
        file.unlink()
        file.symlink_to(victim)
        with pytest.raises(CommandExecutionError, match="not permitted"):
            identity.add("mipadmin", KEY)
        assert victim.read_text() == "root:*:\n"
        assert list(folder.iterdir()) == [victim]
    finally:
        shutil.rmtree(folder)


@as_root
def test_a_folder_that_is_a_symlink_to_roots_is_not_written_in(identity, home):
    folder = Path(tempfile.mkdtemp(prefix="mip-root-"))
    try:
        folder.chmod(0o755)
        (home / ".ssh").symlink_to(folder)
        with pytest.raises(CommandExecutionError, match="not permitted"):
            identity.add("mipadmin", KEY)
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)


def test_no_failure_has_the_words_that_make_salt_ssh_ask_for_a_password(identity, home):
    trap = home / "Permission denied"
    trap.mkdir()
    file = keys_file(home, "")
    file.unlink()
    file.symlink_to(trap)
    with pytest.raises(CommandExecutionError, match=r"home-.*/not permitted is not a file") as caught:
        identity.add("mipadmin", KEY)
    assert "Permission denied" not in str(caught.value)


@as_root
def test_another_users_file_is_refused(identity, home):
    file = keys_file(home, FOREIGN, 0o644)
    os.chown(file, 65533, 65533)
    with pytest.raises(CommandExecutionError, match="is not a file of the user or of root"):
        identity.check("mipadmin", KEY)


@as_root
def test_a_file_that_root_owns_in_the_users_folder_is_not_taken_over(identity, home):
    file = keys_file(home, FOREIGN, 0o644)
    os.chown(file, 0, 0)
    assert identity.check("mipadmin", KEY)["state"] == "absent"
    with pytest.raises(CommandExecutionError, match="belongs to 0:0"):
        identity.add("mipadmin", KEY)
    assert (file.read_text(), file.stat().st_uid) == (FOREIGN, 0)
    assert list(file.parent.iterdir()) == [file]

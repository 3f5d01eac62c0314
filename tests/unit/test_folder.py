"""A federation's folder: private, findable, one command at a time."""

import json
import multiprocessing
import os

import pytest
from mip_salt.errors import Busy, Damaged, UsageError
from mip_salt.federation.document import begin
from mip_salt.federation.folder import Folder, all_folders, choose, valid_name
from mip_salt.federation.lock import locked


def made(path) -> Folder:
    folder = Folder(path)
    folder.create()
    begin(folder)
    return folder


@pytest.mark.parametrize("name", ["brain", "a", "0", "brain-2026", "a" * 32])
def test_a_name_is_lower_case_letters_digits_and_hyphens(name):
    assert valid_name(name) == name


@pytest.mark.parametrize("name", ["../x", "a b", "-x", "Brain", "a" * 33, "é", "", ".", "a/b", "a\n"])
def test_other_names_are_refused_and_nothing_is_made(name, tmp_path):
    with pytest.raises(UsageError, match="not a federation's name"):
        choose(name or "\t", tmp_path, {}, tmp_path, must_exist=False)
    assert list(tmp_path.iterdir()) == []


def test_everything_in_it_is_private(tmp_path):
    folder = made(tmp_path / "brain")
    assert {p.stat().st_mode & 0o777 for p in folder.path.rglob("*") if p.is_dir()} == {0o700}
    assert folder.document.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_can_read_is_refused(tmp_path):
    folder = made(tmp_path / "brain")
    folder.pillar.chmod(0o750)
    with pytest.raises(Damaged, match="can be read by others"):
        folder.check_private()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path):
    folder = made(tmp_path / "brain")
    os.chown(folder.path, 12345, 12345)
    with pytest.raises(Damaged, match="another user"):
        folder.check_private()


def test_a_link_in_place_of_a_folder_is_refused(tmp_path):
    folder = made(tmp_path / "brain")
    folder.ssh.rmdir()
    folder.ssh.symlink_to(tmp_path)
    with pytest.raises(Damaged, match="not a folder"):
        folder.check_private()


def test_a_path_too_long_for_sockets_is_refused_before_anything_is_made(tmp_path):
    root = tmp_path / ("r" * 60) / ("r" * 60)
    with pytest.raises(UsageError, match="too long"):
        Folder(root / "brain").create()
    assert not root.exists()


def test_temporary_files_of_a_killed_run_are_swept(tmp_path):
    folder = made(tmp_path / "brain")
    stale = folder.pillar / ".mip-federation.sls.x1"
    stale.write_text("half", "utf-8")
    folder.sweep()
    assert not stale.exists()
    assert folder.document.exists()


def test_the_named_federation_comes_first_then_the_variable_then_the_folder_then_the_only_one(tmp_path):
    one = made(tmp_path / "one")
    assert choose(None, tmp_path, {}, tmp_path) == one
    two = made(tmp_path / "two")
    assert choose(None, tmp_path, {}, two.pillar) == two
    assert choose(None, tmp_path, {"MIP_SALT_FEDERATION": "one"}, two.pillar) == one
    assert choose("two", tmp_path, {"MIP_SALT_FEDERATION": "one"}, one.path) == two
    assert [f.name for f in all_folders(tmp_path)] == ["one", "two"]


def test_without_a_clue_the_federations_are_listed(tmp_path):
    made(tmp_path / "one")
    made(tmp_path / "two")
    with pytest.raises(UsageError, match="one, two"):
        choose(None, tmp_path, {}, tmp_path)


def test_an_unknown_federation_is_an_error_unless_it_is_to_be_made(tmp_path):
    with pytest.raises(UsageError, match="there is no federation 'mind'"):
        choose("mind", tmp_path, {}, tmp_path)
    assert choose("mind", tmp_path, {}, tmp_path, must_exist=False).name == "mind"


def _hold(path, ready, done):
    with locked(Folder(path), "configure"):
        ready.set()
        done.wait(20)


def test_a_second_command_is_told_who_holds_the_federation(tmp_path):
    folder = made(tmp_path / "brain")
    ready, done = multiprocessing.Event(), multiprocessing.Event()
    holder = multiprocessing.Process(target=_hold, args=(folder.path, ready, done))
    holder.start()
    try:
        assert ready.wait(20)
        with pytest.raises(Busy, match=rf"pid {holder.pid} \(configure\) since"), locked(folder, "apply"):
            pass
    finally:
        done.set()
        holder.join()
    with locked(folder, "apply"):
        assert json.loads(folder.lock.read_text("utf-8"))["pid"] == os.getpid()


def test_a_killed_holder_holds_nothing(tmp_path):
    folder = made(tmp_path / "brain")
    ready, done = multiprocessing.Event(), multiprocessing.Event()
    holder = multiprocessing.Process(target=_hold, args=(folder.path, ready, done))
    holder.start()
    assert ready.wait(20)
    holder.kill()
    holder.join()
    with locked(folder, "apply"):
        assert folder.lock.exists()


def test_the_locks_of_two_federations_are_two(tmp_path):
    with locked(made(tmp_path / "one"), "a"), locked(made(tmp_path / "two"), "b"):
        assert True

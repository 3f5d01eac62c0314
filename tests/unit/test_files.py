"""Atomic writes: the old file or the new one."""

import os

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation.files import remove, write_atomic, write_if_changed


def test_a_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "a"
    write_atomic(path, "one")
    write_atomic(path, "two")
    assert path.read_text("utf-8") == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file_and_names_the_path(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_atomic(path, "one")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)  # a full disk cannot be had without mounting one
    with pytest.raises(Damaged, match=r"a cannot be written: No space left"):
        write_atomic(path, "two")
    assert path.read_text("utf-8") == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_an_equal_file_is_not_written_again(tmp_path):
    path = tmp_path / "a"
    assert write_if_changed(path, "one")
    inode = path.stat().st_ino
    assert not write_if_changed(path, "one")
    assert path.stat().st_ino == inode
    path.chmod(0o644)
    assert write_if_changed(path, "one")
    assert path.stat().st_mode & 0o777 == 0o600


def test_removing_what_is_not_there_is_fine(tmp_path):
    remove(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []

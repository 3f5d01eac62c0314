"""`install` as root: mip-salt is there for every user, where that can be; it never stands in the way of the install."""

import os
import sys
from pathlib import Path

import pytest
from mip_salt.commands.context import Request
from mip_salt.commands.install import _for_every_user
from mip_salt.federation.folder import DEFAULT_ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may link for every user")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """What stands for /usr/local/bin, and an installation that all may read beside it."""
    home = tmp_path / "home"
    for folder in (home / "bin", tmp_path / "usr"):
        folder.mkdir(parents=True)
    for name in ("mip-salt", "salt-ssh"):
        (home / "bin" / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "prefix", str(home))
    monkeypatch.setattr("mip_salt.workflows.this_machine._closed_to_others", lambda *ways: None)
    return tmp_path / "usr"


def request_for(root):
    return Request(root=root)


def test_both_commands_are_linked_and_told_once(place, capsys):
    _for_every_user(request_for(DEFAULT_ROOT), place)
    assert {path.name for path in place.iterdir() if path.is_symlink()} == {"mip-salt", "salt-ssh"}
    assert "is there for every user" in capsys.readouterr().err
    _for_every_user(request_for(DEFAULT_ROOT), place)
    assert capsys.readouterr().err == ""


def test_an_installation_that_others_cannot_read_is_told_and_no_failure(place, capsys, monkeypatch):
    monkeypatch.setattr("mip_salt.workflows.this_machine._closed_to_others", lambda *ways: Path("/root"))
    _for_every_user(request_for(DEFAULT_ROOT), place)
    assert list(place.iterdir()) == []
    assert "others may not pass /root" in " ".join(capsys.readouterr().err.split())


def test_anothers_file_stays_and_is_told(place, capsys):
    (place / "mip-salt").write_text("another's")
    _for_every_user(request_for(DEFAULT_ROOT), place)
    assert (place / "mip-salt").read_text() == "another's"
    assert "is another's" in " ".join(capsys.readouterr().err.split())


def test_a_root_of_ones_own_changes_nothing_outside_of_it(place, tmp_path):
    _for_every_user(request_for(tmp_path), place)
    assert list(place.iterdir()) == []

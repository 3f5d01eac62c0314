"""Whose a federation is: who called sudo owns what he begins, and root works in another's as that one."""

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from mip_salt.errors import Damaged, UsageError
from mip_salt.federation import owner
from mip_salt.federation.folder import Folder
from mip_salt.federation.owner import Owner, acting_as, caller, give, owner_of, work_as_owner

NOBODY = Owner(65534, 65534)
SUDO = {"SUDO_UID": "65534", "SUDO_GID": "65534"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def root():
    """A root that everybody may enter, as /opt is."""
    with tempfile.TemporaryDirectory(prefix="mip-opt-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(autouse=True)
def _readable(monkeypatch):
    """This Python may be installed for root alone: whether it is, is not what these tests are about."""
    monkeypatch.setattr(owner, "_can_run", lambda owner: True)


def in_child(work):
    """Run in a process of its own, which may become another user for good; return whether it did as it should."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def uid_of(path):
    return path.lstat().st_uid


@as_root
def test_what_sudo_begins_is_the_callers(root):
    folder = Folder(root / "brain")

    def work():
        work_as_owner(folder, SUDO, begin=True)
        folder.create()
        return os.getresuid() == (65534, 65534, 65534)

    assert in_child(work)
    assert {uid_of(path) for path in (folder.path, folder.pillar, folder.backups)} == {65534}
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert uid_of(root) == 0


@as_root
def test_without_sudo_it_is_roots(root):
    folder = Folder(root / "brain")
    work_as_owner(folder, {}, begin=True)
    assert not folder.path.exists()
    assert os.geteuid() == 0


@as_root
def test_an_existing_one_is_its_owners_whoever_calls(root):
    folder = Folder(root / "brain")
    folder.create()
    give(folder.path, NOBODY)

    def work():
        work_as_owner(folder, {})
        return os.geteuid() == 65534 and os.environ["USER"] == "nobody"

    assert in_child(work)


@as_root
def test_a_path_that_cannot_work_makes_nothing(root):
    with pytest.raises(UsageError, match="too long"):
        work_as_owner(Folder(root / ("r" * 80) / "brain"), SUDO, begin=True)
    assert list(root.iterdir()) == []


@as_root
def test_roots_own_stays_roots_under_sudo_too(root):
    folder = Folder(root / "brain")
    folder.create()
    work_as_owner(folder, SUDO, begin=True)
    assert os.geteuid() == 0


@as_root
def test_where_the_caller_could_not_work_it_is_roots(root, monkeypatch):
    work_as_owner(Folder(root / "closed" / "brain"), {}, begin=True)
    (root / "closed").mkdir(mode=0o700)
    work_as_owner(Folder(root / "closed" / "brain"), SUDO, begin=True)
    monkeypatch.setattr(owner, "_can_run", lambda owner: False)
    work_as_owner(Folder(root / "brain"), SUDO, begin=True)
    assert os.geteuid() == 0


@as_root
def test_an_owner_who_cannot_read_mip_salt_is_told(root, monkeypatch):
    folder = Folder(root / "brain")
    folder.create()
    give(folder.path, NOBODY)
    monkeypatch.setattr(owner, "_can_run", lambda owner: False)
    with pytest.raises(Damaged, match="cannot read mip-salt"):
        work_as_owner(folder, {})


@as_root
def test_a_link_in_the_place_of_a_federation_is_not_followed(root, tmp_path):
    (root / "brain").symlink_to(tmp_path)
    with pytest.raises(Damaged, match="is a link"):
        work_as_owner(Folder(root / "brain"), {})


@as_root
def test_for_a_while_programs_that_are_started_are_the_owners_too_and_then_root_is_root_again():
    with acting_as(NOBODY):
        ids = subprocess.run(["sh", "-c", "grep Uid: /proc/$$/status"], capture_output=True, text=True, check=True)
        assert ids.stdout.split()[1:4] == ["65534"] * 3
    assert os.getresuid() == (0, 0, 0)
    assert os.getresgid() == (0, 0, 0)


@as_root
def test_a_tree_is_given_without_following_its_links(root, tmp_path):
    (root / "tree").mkdir()
    (root / "tree" / "link").symlink_to(tmp_path)
    give(root / "tree", NOBODY)
    assert uid_of(root / "tree" / "link") == 65534
    assert uid_of(tmp_path) == 0


@pytest.mark.parametrize("environ", [{}, {"SUDO_UID": "0", "SUDO_GID": "0"}, {"SUDO_UID": "x", "SUDO_GID": "1"}])
def test_no_other_user_called_sudo(environ):
    assert caller(environ) is None


def test_for_who_is_not_root_nothing_is_anothers(root, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert owner_of(root) is None
    assert caller(SUDO) is None

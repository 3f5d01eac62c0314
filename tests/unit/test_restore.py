"""A federation brought back: whole, checked before it is used, and never at the cost of what is there."""

import multiprocessing
import os
import signal
import sys

import pytest
from mip_salt.errors import Damaged, LoginRefused, TrustRefused, UsageError
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.federation.generate import generated
from mip_salt.vault import session
from mip_salt.vault.gpg import AGENT_CONF
from mip_salt.workflows.backup import backup
from mip_salt.workflows.restore import plan, restore
from vaults import PASSPHRASE, Answers, Nobody, copy_of, entry_of, short_folder


@pytest.fixture
def elsewhere():
    """Another root, as on another machine."""
    with short_folder() as root:
        yield root


@pytest.fixture
def file(brain, tmp_path):
    (brain.states / "which").write_text("old")
    return backup(brain, tmp_path / "brain.tar.gz").path


def restored(file, root, name=None, *, replace=False, passphrase=None):
    return restore(plan(file, root, name, replace=replace), passphrase or Nobody())


def test_it_is_whole_private_and_its_vault_opens(file, elsewhere):
    folder = restored(file, elsewhere).folder
    assert {p.stat().st_mode & 0o077 for p in folder.path.rglob("*")} == {0}
    with session.open_session(folder, Answers()) as vault:
        assert vault.read("wk1") == entry_of("wk1")


def test_what_is_generated_names_the_new_place(file, elsewhere):
    folder = restored(file, elsewhere).folder
    for path, text in generated(folder, load(folder)).items():
        assert path.read_text("utf-8") == text
    assert str(elsewhere) in folder.master.read_text()
    assert (folder.gnupg / "gpg-agent.conf").read_text() == AGENT_CONF


def test_no_node_is_asked_and_no_passphrase_either(file, elsewhere):
    assert load(restored(file, elsewhere, passphrase=Nobody()).folder).ids() == ["ms", "wk1", "wk2"]


def test_what_is_there_is_not_overwritten_unless_asked(brain, file):
    (brain.states / "which").write_text("new")
    with pytest.raises(UsageError, match="is there already"):
        plan(file, brain.path.parent, None, replace=False)
    assert (brain.states / "which").read_text() == "new"


def test_what_is_replaced_can_be_had_back(brain, file):
    (brain.states / "which").write_text("new")
    done = restored(file, brain.path.parent, replace=True)
    assert (brain.states / "which").read_text() == "old"
    restored(done.replaced, brain.path.parent, replace=True)
    assert (brain.states / "which").read_text() == "new"


def test_what_cannot_be_backed_up_is_not_replaced(brain, file):
    brain.entry("wk1").write_text("in: clear")
    with pytest.raises(Damaged, match="cannot be backed up before it is replaced"):
        restored(file, brain.path.parent, replace=True)
    assert brain.entry("wk1").read_text() == "in: clear"


def test_an_empty_folder_is_no_federation_to_keep(file, elsewhere):
    (elsewhere / "brain").mkdir(mode=0o700)
    assert restored(file, elsewhere).replaced is None


@pytest.mark.parametrize("there", ["file", "link"])
def test_what_is_no_folder_is_left_alone(file, elsewhere, tmp_path, there):
    place = elsewhere / "brain"
    place.symlink_to(tmp_path) if there == "link" else place.write_text("mine")
    with pytest.raises(UsageError, match="not a folder"):
        plan(file, elsewhere, None, replace=True)
    place.unlink()


def test_under_another_name_every_entry_is_sealed_for_that_one(file, elsewhere):
    folder = restored(file, elsewhere, "mind", passphrase=Answers("wrong", PASSPHRASE)).folder
    assert load(folder).federation == "mind"
    with session.open_session(folder, Answers()) as vault:
        assert vault.read("wk1") == entry_of("wk1")


def test_another_name_needs_the_passphrase(file, elsewhere):
    with pytest.raises(LoginRefused):
        restored(file, elsewhere, "mind", passphrase=Answers("wrong"))
    assert list(elsewhere.iterdir()) == []


def test_a_manifest_that_was_changed_after_it_was_signed_is_refused(brain, tmp_path, elsewhere):
    signed = backup(brain, tmp_path / "signed", Answers()).path
    (brain.states / "evil.sls").write_text("x")
    from mip_salt.archive.read import read_head
    from mip_salt.archive.write import write_archive

    forged = write_archive(brain, tmp_path / "forged", lambda told: read_head(signed).signature).path
    with pytest.raises(TrustRefused, match="not signed by the vault's key"):
        restored(forged, elsewhere)
    assert list(elsewhere.iterdir()) == []


def test_a_signature_that_fits_is_taken(brain, tmp_path, elsewhere):
    assert restored(backup(brain, tmp_path / "signed", Answers()).path, elsewhere).folder.exists()


def test_a_damaged_one_file_comes_back_as_it_was_and_is_told(brain, tmp_path, elsewhere):
    brain.document.write_text("mip: {nodes: [")
    done = restored(backup(brain, tmp_path / "b").path, elsewhere)
    assert str(elsewhere) in done.problem
    assert done.folder.document.read_text() == "mip: {nodes: ["


def test_what_a_killed_restore_left_is_gone_after_the_next(file, elsewhere):
    left = elsewhere / ".mip-restore.brain"
    (left / "brain").mkdir(parents=True, mode=0o700)
    left.chmod(0o700)
    (left / "brain" / "half").write_text("x")
    restored(file, elsewhere)
    assert [path.name for path in elsewhere.iterdir() if path.name.startswith(".")] == []


CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "subprocess.Popen", "ctypes.dlsym"}


def dies_at(step, file, root):
    """Restore and die, as by a power cut, right before the n-th change of a name or start of a program."""
    left = step

    def count(event, args):
        nonlocal left
        if event in CHANGES:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    restored(file, root, replace=True)
    os._exit(0)


def test_killed_at_any_step_the_old_or_the_new_one_is_there_and_the_next_run_succeeds(brain, file):
    root, step, found = brain.path.parent, 1, []
    while True:
        (brain.states / "which").write_text("new")
        child = multiprocessing.get_context("fork").Process(target=dies_at, args=(step, file, root))
        child.start()
        child.join(60)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        assert load(brain).ids() == ["ms", "wk1", "wk2"]
        assert {path.name for path in brain.entries.iterdir()} == {"ms.sls", "wk1.sls", "wk2.sls"}
        found.append((brain.states / "which").read_text())
        if found[-1] == "old":  # the new place's own files are there from the first moment
            assert brain.roster.is_file()
        step += 3
    assert set(found) == {"old", "new"}
    assert (brain.states / "which").read_text() == "old"
    assert [path for path in root.iterdir() if path.name.startswith(".")] == []


def test_two_restores_of_one_federation_are_not_at_work_at_once(file, elsewhere):
    import fcntl

    from mip_salt.errors import Busy

    place = elsewhere / ".mip-restore.brain"
    place.mkdir(mode=0o700)
    fd = os.open(place, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(Busy):
        restored(file, elsewhere)
    os.close(fd)


def test_the_folder_of_the_old_machine_is_not_needed(brain, file, elsewhere):
    moved = copy_of(brain, elsewhere / "kept-for-comparison")
    assert restored(file, elsewhere).folder.identity.read_bytes() == moved.identity.read_bytes()
    assert Folder(elsewhere / "brain").exists()

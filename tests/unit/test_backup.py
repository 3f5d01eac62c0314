"""A federation in one file: all that another machine needs, sealed, private, and read again before it counts."""

import gzip
import os
import subprocess

import pytest
from mip_salt.archive.read import read_head, verify
from mip_salt.archive.write import write_archive
from mip_salt.errors import Busy, Damaged, LoginRefused, UsageError
from mip_salt.federation.lock import locked
from mip_salt.vault import session
from mip_salt.vault.gpg import kill_agent
from mip_salt.vault.sealed import in_clear, vault_fingerprint
from mip_salt.workflows.backup import backup, backups
from vaults import KEPT, PASSPHRASE, SECRETS, Answers


def names_in(path):
    listed = subprocess.run(["tar", "-tzf", path], capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def test_it_is_private_and_plain_tar_lists_it(brain):
    kept = backup(brain, None).path
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent == brain.backups
    assert {"manifest.json", "brain/pillar/federation.sls", "brain/pillar/nodes/wk1.sls"} <= names_in(kept)


def test_sockets_lock_caches_logs_and_what_is_generated_are_not_in_it(brain):
    for path in (brain.run / "cache" / "thin.tgz", brain.log / "salt-ssh.log", brain.path / "versions" / "1-x" / "a"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("large")
    (brain.log / "journal").write_text("kept")
    names = names_in(backup(brain, None).path)
    assert "brain/log/journal" in names
    assert not {n for n in names if "/run/" in n or "versions" in n or n.endswith((".log", "random_seed", "~"))}
    assert not {"brain/Saltfile", "brain/master", "brain/roster", "brain/gnupg/gpg-agent.conf"} & names


def test_nothing_secret_is_in_clear_in_it(brain):
    data = gzip.decompress(backup(brain, None).path.read_bytes())
    for secret in (PASSPHRASE, *SECRETS.values(), *KEPT.values()):
        assert secret.encode() not in data


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gnupg/private-keys-v1.d/AA.key", "Key: (private-key (ecc (curve Ed25519)))"),
        ("gnupg/private-keys-v1.d/AA.key", "(11:private-key(3:ecc))"),
        ("pillar/nodes/wk1.sls", "db: {password: in-clear}"),
        ("ssh/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ==\n"),
    ],
)
def test_what_should_be_sealed_and_is_not_stops_it(brain, path, text):
    (brain.path / path).write_text(text)
    with pytest.raises(Damaged, match=f"{path} would lie in clear"):
        backup(brain, None)
    assert not list(brain.backups.glob("*"))


def test_the_keys_and_entries_of_a_real_vault_count_as_sealed(brain):
    assert in_clear(brain) == []


def test_the_vaults_key_is_known_without_an_agent(brain, made_once):
    kill_agent(brain.gnupg)
    assert len(vault_fingerprint(brain)) == 40
    assert not list(brain.gnupg.glob("S.*"))


def test_a_locked_vault_is_kept_unsigned_and_an_open_one_signed(brain):
    assert read_head(backup(brain, None).path).signature == b""
    with session.open_session(brain, Answers()):
        session.unlock_for_good(brain, Answers())
        assert b"PGP SIGNATURE" in read_head(backup(brain, None).path).signature


def test_whoever_gives_the_passphrase_signs_and_the_vault_is_locked_again(brain):
    assert backup(brain, None, Answers()).signed
    assert not session.status(brain).unlocked


def test_a_wrong_passphrase_keeps_nothing(brain):
    with pytest.raises(LoginRefused):
        backup(brain, None, Answers("wrong horse"))
    assert not list(brain.backups.glob("*"))


def test_a_link_inside_is_kept_and_one_out_of_the_folder_is_told(brain):
    (brain.states / "again").symlink_to("../pillar/own")
    (brain.states / "out").symlink_to("/etc")
    (brain.states / "up").symlink_to("../../elsewhere")
    written = backup(brain, None)
    assert written.manifest.links == {"states/again": "../pillar/own"}
    assert set(written.left) == {"states/out", "states/up"}


def test_a_file_that_changes_meanwhile_is_found(brain, tmp_path):
    def edit(told):
        brain.document.write_text(brain.document.read_text().replace("10.9.9.1", "10.9.9.9"))
        return b"not looked at here"

    with pytest.raises(Damaged, match="changed while"):
        write_archive(brain, tmp_path / "b.tar.gz", edit)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_be_kept_is_told_not_left_out(brain):
    (brain.states / "two\nlines").write_text("x")
    with pytest.raises(Damaged, match="cannot be backed up"):
        backup(brain, None)


def test_a_federation_whose_one_file_is_damaged_is_kept_all_the_same(brain):
    brain.document.write_text("mip: {nodes: [")
    assert backup(brain, None).manifest.nodes == []


def test_no_backup_is_overwritten_and_none_lies_in_the_federation(brain, tmp_path):
    (tmp_path / "there").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        backup(brain, tmp_path / "there")
    with pytest.raises(UsageError, match="own folder"):
        backup(brain, brain.states / "b.tar.gz")
    with pytest.raises(UsageError, match="no folder"):
        backup(brain, tmp_path / "no" / "b.tar.gz")


def test_two_in_one_second_are_two(brain):
    assert backup(brain, None).path != backup(brain, None).path


def test_the_list_tells_whole_from_damaged_and_whose_each_is(brain):
    good, bad = backup(brain, None).path, backup(brain, None).path
    data = bad.read_bytes()
    bad.write_bytes(data[: len(data) // 2])
    found = {one.path: one for one in backups(brain.path.parent)}
    assert found[good].manifest.nodes == ["ms", "wk1", "wk2"]
    assert not found[good].error
    assert "damaged" in found[bad].error
    assert [one.path for one in backups(brain.path.parent, "mind") if one.manifest] == []


def test_a_command_that_holds_the_federation_is_waited_for(brain):
    with locked(brain, "apply"), pytest.raises(Busy), locked(brain, "backup"):
        raise AssertionError


def test_it_is_the_same_bytes_wherever_it_lies(brain, tmp_path):
    head = verify(backup(brain, tmp_path / "stick").path)
    assert {name: kept.size for name, kept in head.manifest.files.items()} == {
        name: os.path.getsize(brain.path / name) for name in head.manifest.files
    }

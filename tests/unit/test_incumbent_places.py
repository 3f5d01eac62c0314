"""Where a federation of the incumbent lies, in a folder or a backup, and what there is not read."""

import io
import os
import tarfile

import pytest
from incumbents import ANSIBLE, OLD_ANSIBLE, brain
from mip_salt.errors import Damaged, UsageError
from mip_salt.incumbent import archive
from mip_salt.incumbent.read import source_of
from unit.readings import passwords_of, read_at, told


@pytest.fixture
def usual(tmp_path):
    return brain().write(tmp_path)


# --- where it lies ----------------------------------------------------------------------------------------------


def test_folder_exareme_and_backup_say_the_same(tmp_path, usual):
    backup = brain().pack(usual, tmp_path / "mip_pusher_-_host_-_20230601.tar.gz")
    one, two, three = (read_at(path) for path in (usual, usual / "exareme", backup))
    assert one.nodes == two.nodes == three.nodes
    assert one.kept == two.kept == three.kept
    assert {found.source.federation for found in (one, two, three)} == {"brain"}
    assert told(one) == told(two) == told(three) == ""


def test_the_layout_before_mip_6_5_is_read(tmp_path):
    found = read_at(brain().write(tmp_path, ansible=OLD_ANSIBLE))
    assert passwords_of(found)["wk1"] == "pw-of-chuv"


def test_a_folder_above_names_the_federations_below_it(tmp_path, usual):
    with pytest.raises(UsageError) as refused:
        source_of(tmp_path)
    assert str(usual) in refused.value.hint


@pytest.mark.parametrize("path", ["nothing", "/dev/null"])
def test_what_is_no_federation_is_refused(tmp_path, path):
    with pytest.raises(UsageError):
        source_of(tmp_path / path)


def test_a_link_to_elsewhere_is_not_followed(usual):
    inventory = usual / "exareme" / ANSIBLE / "hosts.ini"
    inventory.unlink()
    inventory.symlink_to("/etc/passwd")
    with pytest.raises(Damaged, match=r"hosts\.ini cannot be read"):
        source_of(usual)


def test_a_folder_that_leads_elsewhere_is_not_followed(tmp_path, usual):
    (usual / "exareme" / "Federated-Deployment").rename(tmp_path / "elsewhere")
    (usual / "exareme" / "Federated-Deployment").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="not a plain file of this folder"):
        source_of(usual)


def test_a_pipe_is_not_waited_for(usual):
    inventory = usual / "exareme" / ANSIBLE / "hosts.ini"
    inventory.unlink()
    os.mkfifo(inventory)
    with pytest.raises(Damaged, match="not a plain file"):
        source_of(usual)


def test_a_file_larger_than_any_of_the_incumbents_is_refused(usual):
    (usual / "exareme" / ".mipenv").write_bytes(b"A=b\n" * 300_000)
    with pytest.raises(Damaged, match="larger than 1 MiB"):
        source_of(usual)


def test_reading_changes_nothing(tmp_path, usual):
    def state():
        return {at: (at.lstat().st_mtime_ns, at.lstat().st_mode) for at in sorted(tmp_path.rglob("*"))}

    before = state()
    read_at(usual)
    assert state() == before


# --- a backup ---------------------------------------------------------------------------------------------------


def packed(tmp_path, *members):
    """Write an archive of members: name, content, and what else a header says."""
    path = tmp_path / "mip_pusher_-_x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, data, more in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            for key, value in more.items():
                setattr(header, key, value)
            tar.addfile(header, io.BytesIO(data))
    path.chmod(0o600)
    return path


CONFIG = ("opt/brain/exareme/.ssh/config", b"Host ms brain-ms\n  Hostname 10.0.0.11\n  User mipadmin\n", {})


def test_links_and_strange_members_of_a_backup_are_passed_over(tmp_path):
    inventory = f"opt/brain/exareme/{ANSIBLE}/hosts.ini"
    path = packed(
        tmp_path,
        CONFIG,
        (inventory, b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
        ("/etc/cron.d/x", b"* * * * * root id", {}),
        ("opt/brain/../../.ssh/config", b"Host ms evil", {}),
        ("opt/dev", b"", {"type": tarfile.CHRTYPE}),
    )
    assert list(source_of(path).files) == [".ssh/config"]
    assert sorted(at.name for at in tmp_path.iterdir()) == [path.name]


def test_a_backup_that_others_can_read_is_a_leak(tmp_path):
    path = packed(tmp_path, CONFIG)
    path.chmod(0o644)
    (flaw,) = source_of(path).flaws
    assert flaw.leak
    assert "chmod 600" in flaw.text


def test_a_backup_of_two_federations_is_refused(tmp_path):
    with pytest.raises(Damaged, match="2 federations"):
        source_of(packed(tmp_path, CONFIG, ("opt/mind/exareme/.ssh/config", CONFIG[1], {})))


def test_a_backup_of_another_kind_of_node_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no federation"):
        source_of(packed(tmp_path, ("opt/mip-deployment/.mipenv", b"NODE_TYPE=ui\n", {})))


def test_a_backup_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1 << 20)
    with pytest.raises(Damaged, match="unpacks to more"):
        source_of(packed(tmp_path, CONFIG, ("zeros", b"\0" * (2 << 20), {})))


def test_a_backup_that_is_cut_off_is_refused(tmp_path, usual):
    path = brain().pack(usual, tmp_path / "b.tar.gz")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(Damaged, match="cut off"):
        source_of(path)

"""What was last seen is remembered, may be lost, and is never in the way."""

from __future__ import annotations

import multiprocessing
from datetime import datetime, timezone
from pathlib import Path

import pytest
from mip_salt.federation.folder import Folder
from mip_salt.federation.seen import Disk, LastApply, Sighting, forget, note, now, read

AT = datetime(2026, 11, 24, 22, 30, 5, 250000, tzinfo=timezone.utc)
SIGHTING = Sighting(
    at=AT,
    hostname="brain-wk1",
    os="Debian GNU/Linux 12 (bookworm)",
    arch="x86_64",
    cpus=2,
    memory=1024,
    python="3.11.2",
    sudo="nopasswd",
    disks={"/": Disk(size=100, free=10)},
)
APPLY = LastApply(at=AT, kind="failed", changed=2, failed=1, seconds=3.5)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "brain")
    folder.create()
    return folder


def test_what_was_seen_comes_back(folder: Folder) -> None:
    assert note(folder, sightings={"wk1": SIGHTING})
    assert note(folder, applies={"wk1": APPLY, "wk2": APPLY})
    seen = read(folder)
    assert (seen.of("wk1").sighting, seen.of("wk1").apply) == (SIGHTING, APPLY)
    assert (seen.of("wk2").sighting, seen.of("wk2").apply) == (None, APPLY)
    assert seen.damaged == ""


def test_a_node_that_was_never_seen_is_nothing(folder: Folder) -> None:
    assert read(folder).of("wk1").sighting is None


def test_it_is_private(folder: Folder) -> None:
    note(folder, sightings={"wk1": SIGHTING})
    assert folder.seen.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nodes": {"wk1": {"sighting": {"at": 1}}}}', "\x00" * 9, "[" * 9999])
def test_a_damaged_cache_is_told_and_begun_anew(folder: Folder, text: str) -> None:
    folder.seen.write_text(text)
    assert read(folder).nodes == {}
    assert str(folder.seen) in read(folder).damaged
    assert note(folder, sightings={"wk1": SIGHTING})
    assert read(folder).damaged == ""
    assert read(folder).of("wk1").sighting == SIGHTING


def test_a_later_versions_fields_are_no_damage(folder: Folder) -> None:
    note(folder, applies={"wk1": APPLY})
    folder.seen.write_text(folder.seen.read_text().replace('"kind"', '"more": 1, "kind"'))
    assert read(folder).of("wk1").apply == APPLY


def test_a_cache_that_cannot_be_written_stops_nobody(folder: Folder) -> None:
    folder.seen.mkdir()
    assert not note(folder, sightings={"wk1": SIGHTING})
    assert read(folder).damaged


def test_a_forgotten_node_is_nothing_again(folder: Folder) -> None:
    note(folder, sightings={"wk1": SIGHTING, "wk2": SIGHTING})
    assert forget(folder, "wk1")
    assert forget(folder, "wk9")
    assert list(read(folder).nodes) == ["wk2"]


def _note_ten(path: Path, name: str) -> None:
    for _ in range(10):
        note(Folder(path), applies={name: LastApply(at=now(), kind="ok")})


def test_what_two_commands_write_at_once_is_all_kept(folder: Folder) -> None:
    names = [f"wk{number}" for number in range(1, 5)]
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_note_ten, args=(folder.path, name)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(read(folder).nodes) == names

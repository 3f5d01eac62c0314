"""What was validated once is read back without its schema; whatever differs is validated anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation import document, recall
from mip_salt.federation.folder import Folder

TEXT = """\
mip:
  federation: brain
  versions: {mip: 7.1.0}
  nodes:
    wk1: {role: worker, address: 10.0.0.2, user: root}
    ms: {role: master, address: 10.0.0.1, enabled: false}
  settings:
    data: {path: /srv/data}
    docker: {daemon: {log-driver: journald}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "brain")
    folder.create()
    folder.document.write_text(TEXT)
    return folder


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is validated."""
    texts: list[str] = []
    parse = document.parse

    def noted(text: str, *more: Any) -> Any:
        texts.append(text)
        return parse(text, *more)

    monkeypatch.setattr(document, "parse", noted)
    return texts


def test_the_same_document_is_validated_once(folder: Folder, validated: list[str]) -> None:
    assert [recall.recall(folder).federation for _ in range(3)] == ["brain"] * 3
    assert validated == [TEXT]


def plain(part: object) -> object:
    """Return a part's fields as plain values."""
    return {name: plain(value) for name, value in vars(part).items()} if isinstance(part, recall._Part) else part


def test_what_is_recalled_has_every_field_of_the_model(folder: Folder) -> None:
    model, recalled = document.load(folder), recall.recall(folder)
    assert (recalled.ids(), recalled.enabled()) == (model.ids(), model.enabled()) == (["ms", "wk1"], ["wk1"])
    for name, node in model.nodes.items():
        assert {**vars(recalled.nodes[name])} == node.model_dump(mode="json")
    assert plain(recalled.settings) == model.settings.model_dump(mode="json")
    assert vars(recalled.versions) == model.versions.model_dump(mode="json")


def test_for_one_command_more_or_fewer_nodes_may_be_worked_on_at_once(folder: Folder) -> None:
    assert recall.recall(folder, jobs=3).settings.jobs == 3
    assert recall.recall(folder).settings.jobs == document.load(folder).settings.jobs == 24


def test_what_is_recalled_is_not_changed(folder: Folder) -> None:
    recall.recall(folder)
    with pytest.raises(AttributeError):
        recall.recall(folder).nodes["wk1"].address = "10.0.0.9"


@pytest.mark.parametrize("text", [TEXT.replace("10.0.0.2", "10.0.0.9"), TEXT + "# a comment\n"])
def test_a_document_that_differs_in_a_byte_is_validated_anew(folder: Folder, validated: list[str], text: str) -> None:
    recall.recall(folder)
    folder.document.write_text(text)
    assert recall.recall(folder).nodes["wk1"].address == text.partition("address: ")[2].partition(",")[0]
    assert validated == [TEXT, text]


def test_another_version_validates_anew(folder: Folder, validated: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    recall.recall(folder)
    monkeypatch.setattr(recall, "__version__", "9")
    recall.recall(folder)
    assert len(validated) == 2


@pytest.mark.parametrize("kept", ["", "{", "[]", "[" * 9999, '{"of": 1}', "\x00", "null"])
def test_a_damaged_memory_is_validated_anew_and_mended(folder: Folder, validated: list[str], kept: str) -> None:
    folder.recalled.write_text(kept)
    recall.recall(folder)
    recall.recall(folder)
    assert validated == [TEXT]
    assert set(json.loads(folder.recalled.read_text())) == {"of", "federation"}


def test_a_memory_that_cannot_be_written_stops_nobody(folder: Folder) -> None:
    folder.recalled.mkdir()
    assert recall.recall(folder).federation == "brain"


@pytest.mark.parametrize("text", [b"mip: [", b"mip: {federation: other}", b"\xff", b""])
def test_a_wrong_document_is_refused_whatever_is_kept(folder: Folder, text: bytes) -> None:
    recall.recall(folder)
    folder.document.write_bytes(text)
    for _ in range(2):
        with pytest.raises(Damaged):
            recall.recall(folder)


def test_a_missing_document_is_refused_whatever_is_kept(folder: Folder) -> None:
    recall.recall(folder)
    folder.document.unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        recall.recall(folder)


def test_it_is_private(folder: Folder) -> None:
    recall.recall(folder)
    assert folder.recalled.stat().st_mode & 0o777 == 0o600

"""Logs that are read side by side: one that breaks off is tried again and told on from where it was."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any

import pytest
from mip_salt.errors import LoginRefused, MipError, NodeFailed, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.ssh.logs import Caught, Note, Record, Said
from mip_salt.workflows.logs import follow
from mip_salt.workflows.logs.wanted import Source, Wanted

FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "nodes": {
            "wk1": {"role": "worker", "address": "10.0.0.1"},
            "wk2": {"role": "worker", "address": "10.0.0.2"},
        },
    }
)
Script = list[Said | MipError]


def record(second: int, text: str) -> Record:
    return Record(f"2026-11-28T03:00:{second:02}.000000000Z", "out", text)


class Reading:
    """What came of reading logs whose nodes say what a script has them say, a script a login."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scripts: dict[str, list[Script]] = {}
        self.shown: list[str] = []
        self.told: list[tuple[str, str, float]] = []
        monkeypatch.setattr(follow, "read", self._read)
        monkeypatch.setattr(follow.masters, "control_path", lambda *_, **__: None)
        monkeypatch.setattr(follow, "FIRST", 0.001)
        monkeypatch.setattr(follow, "LONGEST", 0.004)

    async def _read(
        self, folder: Folder, federation: Federation, name: str, order: dict[str, Any], **_: Any
    ) -> AsyncGenerator[Said, None]:
        for said in self.scripts[name].pop(0):
            if isinstance(said, MipError):
                raise said
            yield said

    def _show(self, rows: Iterable[tuple[Source, Record]]) -> None:
        self.shown += [f"{source.node} {record.text}" for source, record in rows]

    def _tell(self, source: Source, news: Note | MipError, again: float) -> None:
        self.told.append((source.node, news.word if isinstance(news, Note) else news.kind, again))

    def run(self, scripts: dict[str, list[Script]], *, following: bool) -> follow.Logs:
        self.scripts = scripts
        logs = follow.Logs(
            Folder(Path("/opt/brain")),
            FEDERATION,
            [Source(name, "exareme") for name in scripts],
            Wanted(100, follow=following),
            Path("/agent"),
            show=self._show,
            tell=self._tell,
        )
        logs.run()
        return logs


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(monkeypatch)


def test_what_was_is_shown_by_time_whoever_told_it(reading: Reading) -> None:
    done = reading.run(
        {
            "wk1": [[record(1, "a"), record(3, "c"), Caught()]],
            "wk2": [[record(2, "b"), record(4, "d"), Caught()]],
        },
        following=False,
    )
    assert reading.shown == ["wk1 a", "wk2 b", "wk1 c", "wk2 d"]
    assert done.failed == {}


@pytest.mark.parametrize("error", [Unreachable("gone"), TrustRefused("another key"), LoginRefused("no")])
def test_a_node_that_cannot_be_read_is_told_and_the_others_are_shown(reading: Reading, error: MipError) -> None:
    done = reading.run({"wk1": [[error]], "wk2": [[record(1, "a"), Caught()]]}, following=False)
    assert reading.shown == ["wk2 a"]
    assert done.failed == {Source("wk1", "exareme"): error}
    assert reading.told == [("wk1", error.kind, 0)]


def test_a_log_that_is_not_there_is_a_failure_of_its_node(reading: Reading) -> None:
    done = reading.run({"wk1": [[Note("none"), Caught()]]}, following=False)
    (error,) = done.failed.values()
    assert isinstance(error, NodeFailed)
    assert "there is no container of exareme" in error.message


def test_a_followed_node_that_is_gone_is_tried_again_and_nothing_is_shown_twice_or_left_out(reading: Reading) -> None:
    first: Script = [record(1, "a"), Caught(), record(2, "b"), record(2, "c"), Unreachable("gone")]
    again: Script = [record(1, "a"), record(2, "b"), record(2, "c"), record(2, "d"), Caught(), record(3, "e")]
    reading.run({"wk1": [first, [Unreachable("gone")], [Unreachable("gone")], again]}, following=True)
    assert reading.shown == [f"wk1 {text}" for text in "abcde"]
    pauses = [again for _, _, again in reading.told]
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < pauses[-1]


def test_a_clock_that_is_set_back_hides_nothing_that_comes(reading: Reading) -> None:
    again: Script = [record(9, "a"), Caught(), record(1, "b")]
    reading.run({"wk1": [[record(9, "a"), Caught(), Unreachable("gone")], again]}, following=True)
    assert reading.shown == ["wk1 a", "wk1 b"]


def test_a_reader_that_was_killed_begins_again(reading: Reading) -> None:
    again: Script = [Caught(), record(2, "b")]
    done = reading.run({"wk1": [[Caught(), record(1, "a"), NodeFailed("ended (143)")], again]}, following=True)
    assert (reading.shown, done.failed) == (["wk1 a", "wk1 b"], {})


@pytest.mark.parametrize("error", [TrustRefused("another key"), LoginRefused("no"), NodeFailed("sudo: no")])
def test_a_followed_node_that_refuses_is_not_tried_again(reading: Reading, error: MipError) -> None:
    done = reading.run({"wk1": [[error]]}, following=True)
    assert list(done.failed.values()) == [error]


def test_what_becomes_of_a_followed_container_is_told_and_no_failure(reading: Reading) -> None:
    done = reading.run({"wk1": [[Caught(), Note("ended", "1"), record(1, "a")]]}, following=True)
    assert (reading.told, reading.shown, done.failed) == ([("wk1", "ended", 0)], ["wk1 a"], {})


def test_a_defect_of_ours_ends_it(reading: Reading) -> None:
    with pytest.raises(IndexError):
        reading.run({"wk1": []}, following=True)

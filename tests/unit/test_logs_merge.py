"""Several logs shown as one: by time while they tell what was, then without one keeping others waiting."""

from __future__ import annotations

import pytest
from mip_salt.ssh.logs import Record
from mip_salt.workflows.logs.merge import ROOM, Merge
from mip_salt.workflows.logs.wanted import Source

MS, WK1 = Source("ms", "exareme"), Source("wk1", "exareme")


def record(second: int, text: str = "") -> Record:
    return Record(f"2026-11-28T03:00:{second:02}.000000000Z", "out", text)


@pytest.fixture
def merge() -> Merge:
    return Merge([MS, WK1])


def taken(merge: Merge) -> list[tuple[str, int]]:
    return [(source.node, int(record.stamp[17:19])) for source, record in merge.take()]


def test_what_was_is_shown_by_time_once_each_log_has_said_something(merge: Merge) -> None:
    merge.add(MS, record(1))
    merge.add(MS, record(3))
    assert taken(merge) == []
    merge.add(WK1, record(2))
    assert taken(merge) == [("ms", 1), ("wk1", 2)]  # an older one of wk1's than 3 may come


def test_a_log_that_has_told_what_was_or_cannot_is_not_waited_for(merge: Merge) -> None:
    merge.add(MS, record(3))
    merge.caught_up(WK1)
    assert taken(merge) == [("ms", 3)]


def test_a_log_that_is_behind_comes_before_newer_records_of_one_that_is_live(merge: Merge) -> None:
    merge.caught_up(MS)
    merge.add(MS, record(9))
    assert taken(merge) == []
    merge.add(WK1, record(1))
    assert taken(merge) == [("wk1", 1)]
    merge.caught_up(WK1)
    assert taken(merge) == [("ms", 9)]


def test_a_log_keeps_its_own_order_whatever_its_clock_does(merge: Merge) -> None:
    for second in (5, 1, 7):
        merge.add(MS, record(second))
    merge.add(WK1, record(6))
    merge.caught_up(MS)
    merge.caught_up(WK1)
    assert taken(merge) == [("ms", 5), ("ms", 1), ("wk1", 6), ("ms", 7)]


def test_a_flood_of_old_times_holds_a_bounded_part_and_does_not_keep_the_others_back(merge: Merge) -> None:
    merge.caught_up(MS)
    merge.caught_up(WK1)
    count = 0
    while merge.has_room(WK1):
        merge.add(WK1, record(0))
        count += 1
    merge.add(MS, record(59))
    assert count == ROOM
    assert taken(merge)[-1] == ("ms", 59)

"""What is well with a node and what is not: bounds, and a remedy for all that is not."""

from __future__ import annotations

from typing import Any

import pytest
from mip_salt.federation.model import Federation
from mip_salt.federation.seen import Disk, Sighting
from mip_salt.workflows.findings import Finding, Level, exit_code, findings, troubles, version_of
from unit.sightings import GIB, WELL

FEDERATION = Federation.model_validate(
    {"federation": "brain", "nodes": {"wk1": {"role": "worker", "address": "10.0.0.2", "hostname": "brain-wk1"}}}
)


def found(what: str, **changes: Any) -> Finding:
    (one,) = [each for each in findings(FEDERATION, "wk1", Sighting(**{**WELL, **changes})) if each.what == what]
    return one


def disk(size: float, free: float) -> dict[str, Disk]:
    return {"/": Disk(size=int(size * GIB), free=int(free * GIB))}


def test_a_node_that_is_well_has_no_trouble() -> None:
    seen = Sighting(**WELL)
    assert {each.level for each in findings(FEDERATION, "wk1", seen)} == {Level.OK}
    assert troubles(FEDERATION, "wk1", seen) == []


@pytest.mark.parametrize(
    ("what", "changes", "level"),
    [
        ("hostname", {"hostname": "brain-wk1.example.org"}, Level.WARN),
        ("sudo", {"sudo": "root"}, Level.OK),
        ("sudo", {"sudo": "password"}, Level.FAIL),
        ("sudo", {"sudo": "none"}, Level.FAIL),
        ("python3", {"python": "3.8.10"}, Level.OK),
        ("python3", {"python": "3.7.3"}, Level.FAIL),
        ("python3", {"python": "none"}, Level.FAIL),
        ("disk /", {"disks": disk(20, 3)}, Level.OK),
        ("disk /", {"disks": disk(20, 1.9)}, Level.WARN),
        ("disk /", {"disks": disk(20, 0.3)}, Level.FAIL),
        ("disk /", {"disks": disk(10_000, 11)}, Level.OK),
        ("disk /", {"disks": disk(10_000, 9)}, Level.WARN),
        ("disk /", {"disks": disk(10_000, 0.9)}, Level.FAIL),
        ("disk /", {"disks": {}}, Level.UNKNOWN),
        ("clock", {"skew": -1.9}, Level.OK),
        ("clock", {"skew": -3.0}, Level.WARN),
        ("clock", {"skew": 61.0}, Level.FAIL),
        ("clock", {"skew": None}, Level.UNKNOWN),
        ("time sync", {"synced": False}, Level.WARN),
        ("time sync", {"synced": None}, Level.UNKNOWN),
        ("engine", {"engine": "silent"}, Level.FAIL),
        ("engine", {"engine": "stopped"}, Level.FAIL),
        ("engine", {"engine": "none"}, Level.WARN),
        ("engine", {"engine": None}, Level.UNKNOWN),
        ("engine", {"engine_version": "20.10.24+dfsg1"}, Level.OK),
        ("engine", {"engine_version": "20.10.23"}, Level.WARN),
        ("engine", {"engine_version": "23.0.2"}, Level.WARN),
        ("engine", {"engine_version": "23.0.3"}, Level.OK),
        ("engine", {"engine_version": None}, Level.OK),
    ],
)
def test_each_thing_has_its_bounds(what: str, changes: dict[str, Any], level: Level) -> None:
    one = found(what, **changes)
    assert one.level is level
    assert bool(one.remedy) is (level in (Level.WARN, Level.FAIL))


def test_the_clock_says_which_way_it_is_wrong() -> None:
    assert found("clock", skew=90.0).said == "90 s ahead of this machine's"
    assert found("clock", skew=-90.0).said == "90 s behind this machine's"


def test_the_worst_trouble_comes_first() -> None:
    seen = Sighting(**{**WELL, "hostname": "a.b", "engine": "stopped"})
    assert [each.what for each in troubles(FEDERATION, "wk1", seen)] == ["engine", "hostname"]


def test_paths_that_share_a_full_disk_are_one_trouble() -> None:
    full = Disk(size=100 * GIB, free=1)
    seen = Sighting(**{**WELL, "disks": {"/": full, "/var/tmp": full, "/data/brain": Disk(size=9 * GIB, free=1)}})
    assert [each.what for each in troubles(FEDERATION, "wk1", seen)] == ["disk /", "disk /data/brain"]


@pytest.mark.parametrize(("skew", "told"), [(0.0, False), (5.0, True), (None, True)])
def test_a_clock_that_nobody_keeps_is_a_trouble_unless_it_is_right(skew: float | None, told: bool) -> None:
    seen = Sighting(**{**WELL, "synced": False, "skew": skew})
    assert ("time sync" in {each.what for each in troubles(FEDERATION, "wk1", seen)}) is told


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("20.10.24+dfsg1", (20, 10, 24)), ("3.11.2", (3, 11, 2)), ("3.13rc1", (3, 13)), ("none", ()), ("", ())],
)
def test_a_version_is_its_first_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version_of(text) == numbers


def test_a_check_exits_as_its_most_serious_failure_and_warnings_are_none() -> None:
    def failed(kind: str) -> Finding:
        return Finding("x", Level.FAIL, "", kind=kind)

    assert exit_code([Finding("x", Level.WARN, ""), Finding("y", Level.UNKNOWN, "")]) == 0
    assert exit_code([failed("failed")]) == 7
    assert exit_code([failed("failed"), failed("login")]) == 4
    assert exit_code([failed("unreachable"), failed("refused")]) == 3

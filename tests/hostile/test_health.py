"""Whatever a machine answers of its health, each fact is in bounds or unknown, and no line brings down another's."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from mip_salt.ssh.health import ENGINES, Health, parse_health

PATHS = ["/", "/var/tmp", "/data/brain"]
BEFORE = ["MIP3-clock 1790000000.25", "MIP2", "wk1", "a" * 32, "root", "x86_64", "2", "9", "3.11.2", "Debian", "end"]
AFTER = [
    "MIP3",
    "kernel 6.1.0-18-amd64",
    "uptime 812.55",
    "synced yes",
    "engine running",
    "docker 20.10.24+dfsg1",
    *(f"disk {path} there 4000000 1000000" for path in PATHS),
    "MIP3-end",
    "",
]
GOOD = [*BEFORE, *AFTER]
NOTHING = Health()
piece = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["MIP3", "MIP3-end", "MIP3-clock 9", "engine running", "disk / there 1 2", "docker \x1b[2J", "disk "]
    ),
)


def told(lines: list[str]) -> Health:
    """Return what is taken of an answer; whatever it was, it is in bounds."""
    return bounded("\n".join(lines).encode("utf-8", "surrogatepass"))


def bounded(raw: bytes) -> Health:
    health = parse_health(raw, PATHS)
    assert health.engine in (*ENGINES, None)
    assert all(re.fullmatch(r"[0-9A-Za-z.+~_-]{1,64}", text) for text in (health.kernel, health.engine_version) if text)
    assert all(0 <= number < 1e12 for number in (health.uptime, health.clock) if number is not None)
    assert health.synced in (True, False, None)
    assert set(health.disks) <= set(PATHS)
    assert all(0 <= disk.free <= disk.size < 10**15 for disk in health.disks.values())
    return health


@given(st.binary(max_size=2000))
def test_any_bytes(raw: bytes) -> None:
    assert bounded(raw) == NOTHING or b"MIP3" in raw
    assert bounded(b"\nMIP3\n" + raw) == NOTHING or b"MIP3-end" in raw


@given(st.lists(piece, max_size=30))
def test_any_lines(lines: list[str]) -> None:
    assert told(lines) == NOTHING or "MIP3" in "\n".join(lines)
    assert told([*BEFORE, "MIP3", *lines]).disks == {} or "MIP3-end" in lines


@given(st.integers(1, len(AFTER) - 3), st.text(max_size=40).filter(lambda text: "\n" not in text))
def test_a_line_that_is_replaced_costs_no_fact_but_its_own(index: int, text: str) -> None:
    lines = [*BEFORE, *AFTER[:index], text, *AFTER[index + 1 :]]
    health, good = told(lines), told(GOOD)
    if text.split(" ")[0] in ("kernel", "uptime", "synced", "engine", "docker", "disk", "MIP3-end", "MIP3"):
        return
    same = [getattr(health, name) == getattr(good, name) for name in good._fields if name != "disks"]
    same += [health.disks.get(path) == good.disks[path] for path in PATHS]
    assert same.count(False) == 1


@given(st.integers(1, len(AFTER) - 3))
def test_a_fact_that_is_told_twice_is_unknown(index: int) -> None:
    health = told([*BEFORE, *AFTER[:-2], AFTER[index], *AFTER[-2:]])
    good = told(GOOD)
    same = [getattr(health, name) == getattr(good, name) for name in good._fields if name != "disks"]
    same += [health.disks.get(path) == good.disks[path] for path in PATHS]
    assert same.count(False) == 1

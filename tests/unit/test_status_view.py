"""What the operator sees of the nodes: the worst first, and never an old fact as if it were asked now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from mip_salt.commands.status_view import COLUMNS, ago, as_json, block, line, notes, span
from mip_salt.federation.model import Federation
from mip_salt.federation.seen import Disk, LastApply, Sighting, now
from mip_salt.workflows.findings import Finding, Level
from mip_salt.workflows.status import NodeStatus

NOW = now()
FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "versions": {"mip": "7.1.0"},
        "nodes": {
            f"wk{n}": {"role": "worker", "address": f"10.0.0.{n}", "hostname": f"brain-wk{n}"} for n in range(1, 12)
        },
    }
)
SEEN = Sighting(
    at=NOW - timedelta(hours=3),
    hostname="brain-wk1",
    os="Debian GNU/Linux 12 (bookworm)",
    arch="x86_64",
    cpus=2,
    memory=2048 * 1024,
    python="3.11.2",
    sudo="nopasswd",
    engine="running",
    engine_version="20.10.24+dfsg1",
    skew=-0.2,
    disks={"/": Disk(size=100 << 20, free=60 << 20), "/data/brain": Disk(size=100 << 20, free=9 << 20)},
)
FRESH = SEEN._replace(at=NOW)
WARNING = Finding("engine", Level.WARN, "none", "apply installs one")
FAILURE = Finding("disk /", Level.FAIL, "0.1 of 20.0 GiB free", "Free some.")


def status(name: str, kind: str, **more: Any) -> NodeStatus:
    return NodeStatus(name, FEDERATION.nodes[name], kind, **{"asked": NOW, **more})


def texts(row: NodeStatus) -> list[str]:
    return [cell if isinstance(cell, str) else cell[0] for cell in line(row, NOW)]


def styles(row: NodeStatus) -> dict[str, str]:
    return {name: cell[1] for name, cell in zip(COLUMNS, line(row, NOW), strict=True) if isinstance(cell, tuple)}


def test_a_node_that_answers_is_shown_as_of_now():
    row = status("wk1", "ok", sighting=FRESH, apply=LastApply(at=NOW - timedelta(minutes=5), kind="changed"))
    assert texts(row) == ["wk1", "reachable", "now", "Debian 12", "20.10.24", "9%", "-0.2 s", "changed 5 min"]
    assert "dim" not in styles(row).values()


def test_a_node_that_does_not_answer_shows_what_was_last_seen_dim_and_with_its_age():
    row = status("wk1", "unreachable", sighting=SEEN)
    assert texts(row) == ["wk1", "unreachable", "3 h ago", "Debian 12", "20.10.24", "9%", "-0.2 s", "never"]
    assert {styles(row)[name] for name in ("SEEN", "SYSTEM", "ENGINE", "FREE", "CLOCK")} == {"dim"}


def test_a_node_that_does_not_answer_is_never_shown_as_of_now_however_fresh_its_facts_are():
    assert texts(status("wk1", "unreachable", sighting=FRESH))[2] == "0 s ago"


def test_unknown_disabled_never_seen_and_unreachable_are_four_things():
    bare = SEEN._replace(engine=None, skew=None, disks={})
    assert texts(status("wk1", "ok", sighting=bare))[4:7] == ["unknown", "unknown", "unknown"]
    assert texts(status("wk1", "disabled", asked=None))[1:4] == ["disabled", "never", "-"]
    assert texts(status("wk1", "disabled", asked=None, sighting=SEEN))[1:3] == ["disabled", "3 h ago"]
    assert texts(status("wk1", "unreachable"))[1:4] == ["unreachable", "never", "-"]
    assert texts(status("wk1", "asking", asked=None))[1] == "asking"


@pytest.mark.parametrize(("engine", "word"), [("stopped", "stopped"), ("silent", "silent"), ("none", "none")])
def test_an_engine_that_does_not_run_is_told_by_its_word(engine, word):
    assert texts(status("wk1", "ok", sighting=FRESH._replace(engine=engine)))[4] == word


def test_the_worst_comes_first_and_equals_as_people_count():
    rows = [
        status("wk1", "disabled", asked=None),
        status("wk2", "ok", sighting=FRESH),
        status("wk10", "unreachable"),
        status("wk9", "unreachable"),
        status("wk3", "ok", sighting=FRESH, troubles=[WARNING]),
        status("wk4", "ok", sighting=FRESH, troubles=[WARNING, FAILURE]),
        status("wk5", "login"),
        status("wk6", "refused"),
        status("wk7", "asking", asked=None),
    ]
    order = [row.id for row in sorted(rows, key=lambda row: row.severity)]
    assert order == ["wk6", "wk5", "wk9", "wk10", "wk4", "wk3", "wk2", "wk7", "wk1"]


def test_each_thing_that_is_not_well_is_a_line():
    rows = [status("wk1", "unreachable", error="no route\nmore"), status("wk2", "ok", troubles=[FAILURE])]
    assert notes(rows) == ["✘ wk1: no route", "! wk2: disk /: 0.1 of 20.0 GiB free. Free some."]


def test_a_line_fits_80_columns():
    row = status("wk10", "unreachable", sighting=SEEN, apply=LastApply(at=NOW - timedelta(hours=30), kind="failed"))
    ubuntu = row._replace(sighting=SEEN._replace(os="Ubuntu 22.04.4 LTS"))
    for each in (row, ubuntu):
        widths = [max(len(name), len(cell)) for name, cell in zip(COLUMNS, texts(each), strict=True)]
        assert sum(widths) + 2 * (len(widths) - 1) <= 80


def test_a_block_says_when_its_facts_were_so():
    def facts(row: NodeStatus) -> dict[Any, Any]:
        return {what: value if isinstance(value, str) else value[0] for what, value in block(FEDERATION, row, NOW)}

    assert facts(status("wk1", "ok", sighting=FRESH))["facts"].startswith("asked now, at 20")
    old = facts(status("wk1", "unreachable", sighting=SEEN, apply=LastApply(at=NOW, kind="ok", changed=2, seconds=9)))
    assert old["facts"].startswith("last seen 3 h ago, at 20")
    assert old["disk /data/brain"].startswith("9.0 of 100.0 GiB free (9%)")
    assert old["versions"] == "MIP 7.1.0, exareme unknown, as the federation says"
    assert old["last apply"] == "ok, now: 2 changed, 0 failed, in 9 s"
    assert facts(status("wk1", "unreachable"))["facts"] == "never seen"


def test_json_tells_the_same_with_times_and_ages():
    row = as_json(FEDERATION, status("wk1", "unreachable", sighting=SEEN), NOW)
    assert (row["kind"], row["state"], row["asked_now"]) == ("unreachable", "unreachable", False)
    assert row["seen"] == {"at": SEEN.at.isoformat(timespec="seconds"), "age": 10800.0}
    assert row["facts"]["disks"]["/"] == {"size": 100 << 20, "free": 60 << 20, "there": True}
    never = as_json(FEDERATION, status("wk1", "disabled", asked=None), NOW)
    assert (never["kind"], never["asked"], never["seen"], never["facts"], never["apply"]) == ("disabled", *[None] * 4)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (99, "99 s"), (101, "2 min"), (3600, "60 min"), (7200, "2 h"), (47 * 3600, "47 h"), (864000, "10 d")],
)
def test_a_time_is_said_in_one_unit(seconds, text):
    assert span(seconds) == text


def test_an_age_is_now_or_ago_and_never_negative():
    assert ago(None, NOW) == "never"
    assert ago(NOW - timedelta(seconds=1), NOW) == "now"
    assert ago(NOW - timedelta(seconds=9), NOW) == "9 s ago"
    assert ago(NOW + timedelta(hours=1), NOW) == "now"

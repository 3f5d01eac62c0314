"""Which logs are meant, and since when."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from mip_salt.errors import UsageError
from mip_salt.federation.model import Federation
from mip_salt.workflows.logs.wanted import Source, Wanted, since_of, sources

FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "nodes": {
            "ms": {"role": "master", "address": "10.0.0.1"},
            "ui": {"role": "ui", "address": "10.0.0.2"},
            "wk1": {"role": "worker", "address": "10.0.0.3"},
        },
    }
)


def of(*components: str, nodes: tuple[str, ...] = ("ms", "ui", "wk1"), named: bool = False) -> list[Source]:
    return sources(FEDERATION, nodes, components, named=named)


def test_without_a_name_it_is_what_the_incumbent_shows() -> None:
    assert of() == [Source("ms", "exareme"), Source("ui", "portalbackend"), Source("wk1", "exareme")]
    orders = [Wanted(10).order(FEDERATION, source) for source in of()]
    assert [order.get("service") for order in orders] == ["exareme-master", None, "exareme"]
    assert orders[1]["label"] == "com.docker.compose.service=portalbackend"


def test_a_component_is_read_wherever_there_is_one() -> None:
    assert of("keystore") == [Source("ms", "keystore")]
    assert of("docker", "gateway") == [
        Source("ms", "docker"),
        Source("ui", "docker"),
        Source("ui", "gateway"),
        Source("wk1", "docker"),
    ]


@pytest.mark.parametrize(
    ("components", "nodes", "word"),
    [
        (("keystore",), ("wk1",), "wk1 has no keystore"),
        (("exarem",), ("wk1",), "no component.*exareme"),
        (("\x1b[2J",), ("wk1",), "no component"),
    ],
)
def test_a_node_that_was_named_and_has_none_is_told(
    components: tuple[str, ...], nodes: tuple[str, ...], word: str
) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        of(*components, nodes=nodes, named=True)
    assert "\x1b" not in str(caught.value)


def test_nothing_to_read_is_an_error() -> None:
    with pytest.raises(UsageError, match="no enabled node"):
        of("keystore", nodes=("wk1",))


@pytest.mark.parametrize(("text", "seconds"), [("90s", -90), ("10m", -600), ("2h", -7200), ("3d", -259200)])
def test_so_long_ago_is_by_the_nodes_own_clock(text: str, seconds: float) -> None:
    assert since_of(text) == seconds


def test_a_time_is_this_machines_unless_it_names_a_zone() -> None:
    assert since_of("2026-11-28T03:00") == datetime(2026, 11, 28, 3).timestamp()
    assert since_of("2026-11-28T03:00Z") == datetime(2026, 11, 28, 3, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize("text", ["", "yesterday", "10", "-5m", "1h30m", "9999999d", "2026-13-01"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        since_of(text)

"""Which nodes a command is about."""

import pytest
from mip_salt.errors import UsageError
from mip_salt.federation.model import Federation
from mip_salt.federation.select import select

FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "nodes": {
            "wk10": {"role": "worker", "address": "2001:db8::1", "hostname": "brain-wk10"},
            "wk2": {"role": "worker", "address": "10.0.0.21", "port": 2223, "hostname": "same"},
            "wk1": {"role": "worker", "address": "10.0.0.21", "port": 2222, "hostname": "same"},
            "ms": {"role": "master", "address": "ms.example.org", "hostname": "wk1"},
        },
    }
)


def test_no_name_means_all_nodes_as_people_order_them():
    assert select(FEDERATION, []) == ["ms", "wk1", "wk2", "wk10"]


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("wk2", "wk2"),
        ("brain-wk10", "wk10"),
        ("BRAIN-WK10", "wk10"),
        ("ms.example.org", "ms"),
        ("2001:0db8:0::1", "wk10"),
        ("[2001:db8::1]:22", "wk10"),
        ("10.0.0.21:2223", "wk2"),
        (" wk2 ", "wk2"),
    ],
)
def test_a_node_is_named_by_id_hostname_or_address(name, node):
    assert select(FEDERATION, [name]) == [node]


def test_an_id_means_its_node_even_where_another_has_that_hostname():
    assert select(FEDERATION, ["wk1"]) == ["wk1"]


def test_several_names_give_each_node_once_in_the_federations_order():
    assert select(FEDERATION, ["brain-wk10", "wk2", "10.0.0.21:2223", "ms"]) == ["ms", "wk2", "wk10"]


@pytest.mark.parametrize("name", ["same", "10.0.0.21"])
def test_a_name_that_fits_several_nodes_is_refused_with_the_candidates(name):
    with pytest.raises(UsageError) as caught:
        select(FEDERATION, [name])
    assert "wk1 (same, 10.0.0.21:2222), wk2 (same, 10.0.0.21:2223)" in caught.value.message
    assert "wk10" not in caught.value.message
    assert caught.value.hint == "Name the node by its id: wk1 or wk2."


@pytest.mark.parametrize(
    "name",
    [
        "1",
        "wk",
        "wk3",
        "wk*",
        "brain-wk1",
        "10.0.0.2",
        "10.0.0.21:22",
        "ms.example",
        "[10.0.0.21]",
        "",
        "\x1b[2J",
        "-rf",
    ],
)
def test_a_name_that_fits_none_is_refused_with_all_nodes(name):
    with pytest.raises(UsageError) as caught:
        select(FEDERATION, [name])
    assert "wk10 (brain-wk10, 2001:db8::1)" in caught.value.hint
    assert "\x1b" not in str(caught.value)


def test_a_role_leaves_its_nodes_of_those_that_are_named():
    assert select(FEDERATION, [], ["worker"]) == [name for name in select(FEDERATION, []) if name.startswith("wk")]
    assert select(FEDERATION, ["ms", "wk1"], ["worker", "ui"]) == ["wk1"]


def test_a_role_that_no_chosen_node_has_is_refused_with_the_chosen():
    with pytest.raises(UsageError, match="no node chosen has the role ui") as refused:
        select(FEDERATION, ["wk1"], ["ui"])
    assert "wk1" in refused.value.hint

"""One error tree, one order of seriousness."""

import pytest
from mip_salt.errors import Damaged, LoginRefused, MipError, NodeFailed, TrustRefused, Unreachable, worst
from mip_salt.printable import printable


def test_several_nodes_exit_with_the_most_serious():
    assert worst([5, 7, 6, 4, 3]) == 3
    assert worst([5, 7, 6, 4]) == 4
    assert worst([5, 7, 6]) == 6
    assert worst([5, 7, 0]) == 7
    assert worst([0, 5]) == 5
    assert worst([0, 0]) == 0
    assert worst([]) == 0


def test_an_error_names_its_node_and_its_exit_code():
    assert str(TrustRefused("no", node="wk1")) == "wk1: no"
    assert [e.exit_code for e in (MipError, TrustRefused, LoginRefused, Unreachable, Damaged, NodeFailed)] == [
        1,
        3,
        4,
        5,
        6,
        7,
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 ✔", "plain é 漢 ✔"),
        ("\x1b[31mred\x07", "�[31mred�"),
        ("a\r\nb\tc", "a��b�c"),
        ("\u202egnp.exe", "�gnp.exe"),
        (b"\xff\xfe", "��"),
        ("x" * 300, "x" * 200 + "…"),
        (None, "None"),
    ],
)
def test_text_from_outside_is_made_inert(text, shown):
    assert printable(text) == shown

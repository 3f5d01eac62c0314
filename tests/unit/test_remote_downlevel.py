"""Libraries of the pusher's Python are sent so that older Pythons of nodes can read them."""

import ast

import pytest
from mip_salt.remote.downlevel import downlevelled


def imported(source):
    space = {}
    exec(compile(source, "module", "exec"), space)
    return space


def test_annotations_are_not_evaluated():
    source = downlevelled(b'"""Doc."""\nimport os\ndef f(x: str | bytes) -> int | None: ...\n')
    assert imported(source)["f"].__annotations__ == {"x": "str | bytes", "return": "int | None"}
    assert imported(source)["__doc__"] == "Doc."


def test_a_union_in_a_type_becomes_one_that_older_pythons_know():
    source = downlevelled(b"import typing\nBODY = typing.Union[typing.Iterable[bytes | str | None], str]\n")
    assert "|" not in source.decode()
    assert str(imported(source)["BODY"]).count("bytes") == 1


def test_a_union_of_numbers_stays():
    source = downlevelled(b"FLAGS = 1 | 2\n")
    assert imported(source)["FLAGS"] == 3


@pytest.mark.parametrize("source", [b"", b"def (", b"from __future__ import annotations\nx = 1\n", b'"""Doc."""\n'])
def test_what_needs_nothing_or_cannot_be_had_stays(source):
    assert downlevelled(source) == source


def test_brackets_around_the_items_of_a_with_go_away():
    source = downlevelled(b"with (\n    open('a') as a,\n    open('b') as b,\n):\n    pass\n")
    ast.parse(source, feature_version=(3, 8))

"""Arguments reach Salt as what they are, and its command line as one can type it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.remote.arguments import reproducing, word, words

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=8
)


def read_by_salt(text):
    from salt.utils.args import parse_input

    args, kwargs = parse_input([text], condition=False)
    return kwargs or args[0]


@given(VALUES)
def test_salt_reads_back_what_was_meant(value):
    assert read_by_salt(word(value)) == value


@pytest.mark.parametrize(
    "text", ["false", "1e3", "a=b", "# x", "a # b", "---", "{{ 1+1 }}", "", "\n", "0x1f", "~", "1_0"]
)
def test_a_text_stays_a_text(text):
    assert read_by_salt(word(text)) == text


@pytest.mark.parametrize("number", [0.5, -2.0, 1e22, 1.5e-7])
def test_a_number_stays_a_number(number):
    assert read_by_salt(word(number)) == number


@given(VALUES)
def test_a_named_argument_keeps_its_name_and_value(value):
    assert read_by_salt(words([], {"test": value})[0]) == {"test": value}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"x", {1, 2}])
def test_what_is_no_plain_data_is_refused(value):
    with pytest.raises(TypeError):
        word(value)


@pytest.mark.parametrize("text", ["a=b", "PATH=/x ls", "name="])
def test_a_text_that_the_node_would_take_for_a_named_argument_goes_by_name(text):
    with pytest.raises(TypeError):
        words([text], None)
    assert words([[text]], {"cmd": text}) == [word([text]), f"cmd={word(text)}"]


@pytest.mark.parametrize("text", ["a == b", "1=2", "a b=c", "a==b"])
def test_other_texts_with_an_equals_sign_go_by_place(text):
    assert words([text], None) == [word(text)]


def test_the_reproducing_command_is_safe_to_paste():
    command = reproducing(Path("/opt/my fed"), "wk1", "cmd.run", words(["a'; rm -rf /"], {"cwd": "/"}))
    assert command == (
        "cd '/opt/my fed' && mip-salt vault unlock && "
        """salt-ssh wk1 cmd.run '"a'"'"'; rm -rf /"' 'cwd="/"'"""
    )

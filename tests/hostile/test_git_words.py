"""What a source says, in whatever form: refs, progress, last words. Nothing of it is believed or shown as it came."""

import re

from hypothesis import given
from hypothesis import strategies as st
from mip_salt.errors import MipError
from mip_salt.printable import printable
from mip_salt.versions.git import Progress, _heard
from mip_salt.versions.git_errors import explained
from mip_salt.versions.releases import TAG, age, exareme_of, is_release
from mip_salt.versions.upstream import REF

WORDS = st.text() | st.builds(
    "\n".join, st.lists(st.sampled_from(["fatal: ", "remote: ", "\x1b[2J", "ssh: a", "\r", "x" * 999]))
)


@given(WORDS, st.booleans())
def test_last_words_become_one_inert_line(tail, local):
    error = explained(tail, "https://git.example/a", local=local)
    assert isinstance(error, MipError)
    assert error.message == printable(error.message, 400)
    assert error.exit_code in (2, 3, 5, 6)


@given(st.text(), st.text(max_size=100))
def test_progress_is_a_few_words_of_ours_and_a_percentage(line, tail):
    told = []
    assert len(_heard(line, tail, told.append)) <= 4096
    for progress in told:
        assert 0 <= progress.percent <= 100
        assert re.fullmatch(r"[a-z ]+", progress.text)


def test_progress_of_git_is_understood():
    told = []
    assert _heard("Receiving objects:  45% (123/273), 3.10 MiB | 1.20 MiB/s", "", told.append) == ""
    assert _heard("remote: Counting objects: 100% (15/15), done.        ", "", told.append) == ""
    assert told == [Progress("receiving objects", 45, "3.10 MiB"), Progress("counting objects", 100)]


@given(st.from_regex(REF) | st.text())
def test_a_ref_is_a_plain_name_or_none(line):
    found = REF.match(line)
    if found:
        assert not found[3].startswith("-")
        assert found[3] == printable(found[3], 100)


@given(st.binary())
def test_a_versions_file_names_a_tag_or_nothing(content):
    value = exareme_of(content)
    assert value == "" or TAG.match(value)


@given(st.from_regex(r"v?\d{1,4}\.\d{1,4}(\.\d{1,4})?(-rc\d)?", fullmatch=True), st.text())
def test_any_two_tags_can_be_compared(release, other):
    assert sorted([release, other], key=age)
    assert is_release(release) or not release.isascii()

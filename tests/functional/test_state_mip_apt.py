"""The state of a repository, as Salt runs it: absent, there, in a trial, of another key, and beside a stranger's."""

import pytest
from functional.engines import Engine, path_with
from openpgp import keyring


@pytest.fixture(scope="module")
def keys():
    with keyring() as ring:
        ring.one, ring.two = ring.make("one <one@example.org>"), ring.make("two <two@example.org>")
        yield ring


@pytest.fixture
def machine(node, monkeypatch):
    """A node whose apt offers nothing."""
    engine = Engine(node.folder)
    monkeypatch.setenv("PATH", path_with(engine))
    yield engine
    engine.close()


@pytest.fixture
def mirror(keys, tmp_path):
    """A repository on a disk, and the key it is signed with; apt-helper is the real one."""
    (tmp_path / "gpg").write_bytes(keys.public("one"))
    return tmp_path


def repository(node, mirror, key, **more):
    return node.loaders.states.mip_apt.repository(
        name="mip-docker",
        url=f"file://{mirror}",
        suite="bookworm",
        component="stable",
        key=key,
        package="docker-ce",
        **more,
    )


def files(node):
    """What is in /etc/apt, each file with its content."""
    return {str(p.relative_to(node.etc)): p.read_bytes() for p in (node.etc / "apt").rglob("*") if p.is_file()}


def test_it_is_added_with_its_key_and_is_there_the_next_time(node, machine, mirror, keys):
    ret = repository(node, mirror, keys.one)
    assert (ret.result, set(ret.changes)) == (True, {"line", "key"})
    left = files(node)
    assert set(left) == {"apt/sources.list.d/mip-docker.list", "apt/keyrings/mip-docker.gpg"}
    assert left["apt/keyrings/mip-docker.gpg"] == keys.gpg("--export", "one")
    ring = f"signed-by={node.etc}/apt/keyrings/mip-docker.gpg"
    line = left["apt/sources.list.d/mip-docker.list"].decode()
    assert line.endswith(f"{ring}] file://{mirror} bookworm stable\n")
    modes = {p.stat().st_mode & 0o777 for p in (node.etc / "apt").rglob("mip-*")}
    assert modes == {0o644}
    ret = repository(node, mirror, keys.one)
    assert (ret.result, ret.changes, ret.comment) == (True, {}, f"Already so: file://{mirror}, signed by {keys.one}.")


def test_a_trial_tells_what_would_be_added_and_neither_writes_nor_downloads(node, machine, tmp_path):
    ret = repository(node, tmp_path / "nowhere", "A" * 40, test=True)
    assert ret.result is None
    assert ret.changes["key"] == {"old": "", "new": "A" * 40}
    assert ret.comment == f"file://{tmp_path}/nowhere would be added, if its key is {'A' * 40}."
    assert files(node) == {}


def test_another_key_than_the_one_that_is_meant_is_refused_and_told(node, machine, mirror, keys):
    ret = repository(node, mirror, keys.two)
    assert (ret.result, ret.changes, files(node)) == (False, {}, {})
    assert f"the key at file://{mirror}/gpg is {keys.one}, not {keys.two}" in ret.comment


def test_a_second_key_beside_the_right_one_is_refused(node, machine, mirror, keys):
    (mirror / "gpg").write_bytes(keys.public("one", "two"))
    ret = repository(node, mirror, keys.one)
    assert (ret.result, files(node)) == (False, {})
    assert "it holds 2 keys instead of one" in ret.comment


def test_a_page_in_the_keys_place_is_refused(node, machine, mirror, keys):
    (mirror / "gpg").write_text("<html>please log in</html>")
    ret = repository(node, mirror, keys.one)
    assert (ret.result, files(node)) == (False, {})
    assert f"file://{mirror}/gpg is not the key that is meant: it is not an OpenPGP public key" in ret.comment


def test_a_key_that_cannot_be_had_is_a_failure_with_apts_own_reason(node, machine, tmp_path, keys):
    ret = repository(node, tmp_path / "nowhere", keys.one)
    assert (ret.result, files(node)) == (False, {})
    assert f"file://{tmp_path}/nowhere/gpg cannot be downloaded: File not found" in ret.comment


def test_another_mirror_takes_the_place_of_the_one_that_was_set_before(node, machine, mirror, keys, tmp_path_factory):
    repository(node, mirror, keys.one)
    other = tmp_path_factory.mktemp("other")
    (other / "gpg").write_bytes(keys.public("two"))
    ret = repository(node, other, keys.two)
    assert ret.changes["key"] == {"old": keys.one, "new": keys.two}
    assert f"file://{other} bookworm stable" in files(node)["apt/sources.list.d/mip-docker.list"].decode()


def test_a_keyring_that_was_changed_since_is_made_right(node, machine, mirror, keys):
    repository(node, mirror, keys.one)
    (node.etc / "apt/keyrings/mip-docker.gpg").write_bytes(keys.gpg("--export", "two"))
    ret = repository(node, mirror, keys.one)
    assert (ret.result, set(ret.changes)) == (True, {"key"})
    assert files(node)["apt/keyrings/mip-docker.gpg"] == keys.gpg("--export", "one")


@pytest.mark.parametrize("test", [False, True])
def test_a_repository_of_somebody_elses_that_offers_the_package_stays_the_only_one(node, machine, mirror, keys, test):
    machine.offer(**{"docker-ce": "5:27.3.1-1~debian.12~bookworm"})
    ret = repository(node, mirror, keys.one, test=test)
    assert (ret.result, ret.changes, files(node)) == (True, {}, {})
    assert "apt on the node offers docker-ce 5:27.3.1-1~debian.12~bookworm" in ret.comment


def test_if_apt_cannot_read_its_sources_with_it_they_are_as_they_were(node, machine, mirror, keys):
    added = node.etc / "apt/sources.list.d/mip-docker.list"
    refusal = f"[ ! -e {added} ] || {{ echo 'E: Conflicting values' >&2; exit 100; }}"
    (machine.bin / "apt-cache").write_text(f"#!/bin/sh\n{refusal}\n")
    ret = repository(node, mirror, keys.one)
    assert (ret.result, ret.changes, files(node)) == (False, {}, {})
    assert (
        "apt cannot read its sources, so they are as they were: apt-cache failed: E: Conflicting values" in ret.comment
    )

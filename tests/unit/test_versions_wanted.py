"""Which versions are meant: releases in their order, pairs validated together, and words that mean none."""

import pytest
from mip_salt.errors import UsageError
from mip_salt.versions.releases import exareme_of, is_release, is_stable, newest_first
from mip_salt.versions.source import EXAREME, source_of
from mip_salt.versions.wanted import Ref, Wanted

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_releases_are_sorted_as_versions_and_a_candidate_is_older_than_its_release():
    tags = ["6.5.1", "10.0.0", "7.1.0-rc1", "latest", "7.1.0", "v7.0.0", "7.1"]
    assert newest_first(tags) == ["10.0.0", "7.1.0", "7.1", "7.1.0-rc1", "v7.0.0", "6.5.1"]


@pytest.mark.parametrize("name", ["7.1.0", "7.1", "v7.1.0"])
def test_a_stable_release_is_numbers_alone(name):
    assert is_stable(name)


@pytest.mark.parametrize("name", ["7.1.0-rc1", "7.1.0rc1", "7.1.0.dev", "7.1.0-beta.2"])
def test_a_candidate_is_a_release_and_not_stable(name):
    assert is_release(name)
    assert not is_stable(name)


@pytest.mark.parametrize("name", ["latest", "7", "-7.1.0", "7.1.0\n", "7.1.0/x", "1" * 9 + ".0.0"])
def test_other_tags_are_no_release(name):
    assert not is_release(name)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"EXAREME=24.5.1\nMIP=7.1.0\n", "24.5.1"),
        (b'# the engine\n EXAREME = "24.5.1" \r\n', "24.5.1"),
        (b"EXAREME2=0.17.0\n", ""),
        (b"#EXAREME=1.0\n", ""),
        (b"EXAREME=\n", ""),
        (b"EXAREME=--upload-pack=x\n", ""),
        (b"EXAREME=a b\n", ""),
        (b"\xff\xfe\x00", ""),
    ],
)
def test_the_validated_exareme_is_read_from_its_line_alone(text, value):
    assert exareme_of(text) == value


def test_version_alone_is_a_release_of_mip():
    wanted = Wanted((Ref("version", "7.1.0"),))
    wanted.check()
    assert wanted.release == "7.1.0"


@pytest.mark.parametrize("kind", ["version", "branch", "commit"])
def test_a_pair_needs_force(kind):
    name = COMMIT if kind == "commit" else "x"
    refs = ((Ref(kind, name),), (Ref(kind, name),))
    Wanted(*refs, unstable=True).check()
    with pytest.raises(UsageError, match="not validated together") as refused:
        Wanted(*refs).check()
    assert "--force-install-unstable" in refused.value.hint


@pytest.mark.parametrize(
    ("exareme", "mip", "says"),
    [
        ((), (Ref("version", "7.1.0"),), "nothing says which exareme"),
        ((Ref("branch", "dev"),), (), "nothing says which MIP"),
        ((Ref("commit", COMMIT),), (), "nothing says which MIP"),
        (
            (Ref("version", "1"), Ref("branch", "dev")),
            (Ref("branch", "dev"),),
            "--version and --branch says which exareme",
        ),
        ((Ref("branch", "dev"),), (Ref("branch", "d"), Ref("commit", COMMIT)), "--mip-branch and --mip-commit says"),
    ],
)
def test_names_that_make_no_pair_are_refused_even_if_forced(exareme, mip, says):
    with pytest.raises(UsageError, match=says):
        Wanted(exareme, mip, unstable=True).check()


def test_a_commit_is_given_in_full():
    with pytest.raises(UsageError, match="is no commit"):
        Wanted((Ref("commit", COMMIT[:12]),), (Ref("commit", COMMIT),), unstable=True).check()


@pytest.mark.parametrize(
    ("text", "kind", "protocol"),
    [
        ("https://github.com/madgik/exareme", "https", "https"),
        ("https://git.example:8443/a/b.git", "https", "https"),
        ("ssh://git@git.example/a/b.git", "ssh", "ssh"),
        ("git@git.example:a/b.git", "ssh", "ssh"),
        (".", "folder", "file"),
    ],
)
def test_a_source_is_a_url_or_a_path(text, kind, protocol):
    source = source_of(EXAREME, text)
    assert (source.kind, source.protocol) == (kind, protocol)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://git.example/a", "cannot be a source"),
        ("git://git.example/a", "cannot be a source"),
        ("ext::sh -c id", "cannot be a source"),
        ("--upload-pack=id", "is no source"),
        ("", "is no source"),
        ("a\x1b[2Jb", "is no source"),
        ("https://-oProxyCommand=id/x y", "cannot be"),
        ("ssh://-oProxyCommand=id/x", "cannot be"),
        ("/nowhere/at/all", "No such file"),
        ("/etc/passwd", "neither a git bundle nor a stick"),
    ],
)
def test_what_is_no_source_is_refused(text, says):
    with pytest.raises(UsageError, match=says):
        source_of(EXAREME, text)


def test_a_password_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(UsageError, match="no place for one") as refused:
        source_of(EXAREME, "https://me:hunter2@git.example/a")
    assert "hunter2" not in refused.value.message + refused.value.hint

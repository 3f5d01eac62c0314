"""An archive may come from anywhere: whatever is in it, nothing is written outside, and nothing false is taken."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.archive.kept import is_clean, stays_inside
from mip_salt.archive.manifest import parse_manifest
from mip_salt.archive.read import extract, read_head, verify
from mip_salt.errors import Damaged

DOCUMENT = b"mip: {federation: brain, nodes: {}}\n"


def kept(data):
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "executable": False}


def told(**changes):
    manifest = {
        "format": 1,
        "federation": "brain",
        "made": "2026-04-02T10:15:00Z",
        "machine": "pusher",
        "mip_salt": "0.1.0",
        "vault_key": "",
        "nodes": [],
        "folders": ["pillar"],
        "files": {"pillar/federation.sls": kept(DOCUMENT)},
        "links": {},
    }
    return {**manifest, **changes}


def member(name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def archive(path, *members, manifest=None, format=tarfile.USTAR_FORMAT, tail=b""):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=format) as tar:
        for info, data in (member("manifest.json", json.dumps(manifest or told()).encode()), *members):
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(raw.getvalue() + tail))
    return path


WHOLE = member("brain/pillar/federation.sls", DOCUMENT)
EVIL = "brain/pillar/evil"


def test_the_archive_that_the_others_spoil_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    extract(archive(tmp_path / "a", WHOLE), tmp_path / "out")
    assert (tmp_path / "out/pillar/federation.sls").read_bytes() == DOCUMENT


@pytest.mark.parametrize(
    "path",
    [
        *(
            "../x",
            "/etc/x",
            "a/../../x",
            "pillar//x",
            "./x",
            "",
            "x\n",
            "x\u202ey",
            "nofolder/x",
            "pillar/" + "n" * 200,
        ),
        *("run/unlocked", "master", "Saltfile", "gnupg/gpg-agent.conf", "gnupg/S.gpg-agent", "exareme/x"),
    ],
)
def test_a_path_that_no_archive_of_ours_has_is_refused(tmp_path, path):
    manifest = told(files={"pillar/federation.sls": kept(DOCUMENT), path: kept(b"x")})
    with pytest.raises(Damaged):
        verify(archive(tmp_path / "a", WHOLE, manifest=manifest))


@pytest.mark.parametrize("target", ["/etc", "../..", "x/../../..", "own/..", "", ".", "a//b", "a\nb", "../../pillar"])
def test_a_link_that_may_lead_out_is_refused(tmp_path, target):
    with pytest.raises(Damaged):
        read_head(archive(tmp_path / "a", WHOLE, manifest=told(links={"pillar/link": target})))


@pytest.mark.parametrize(
    "more",
    [
        {"folders": ["pillar", "pillar"]},
        {"links": {"pillar/federation.sls": "own"}},
        {"links": {"pillar/l": "own"}, "folders": ["pillar", "pillar/l/x"]},
        {"files": {}},
        {"files": {"pillar/federation.sls": {**kept(DOCUMENT), "size": 1 << 40}}},
        {"files": {"pillar/federation.sls": {**kept(DOCUMENT), "size": -1}}},
        {"federation": "../x"},
        {"machine": "\x1b[2J"},
        {"format": 2},
        {"made": "now"},
        {"more": 1},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(tmp_path, more):
    with pytest.raises(Damaged):
        read_head(archive(tmp_path / "a", WHOLE, manifest=told(**more)))


@pytest.mark.parametrize(
    "members",
    [
        [],
        [WHOLE, member("brain/pillar/more", b"x")],
        [member("brain/pillar/federation.sls", DOCUMENT.upper())],
        [member("brain/pillar/federation.sls", DOCUMENT[:-1])],
        [member("brain/pillar/other", DOCUMENT)],
        [member("mind/pillar/federation.sls", DOCUMENT)],
        [member(EVIL, type=tarfile.SYMTYPE, linkname="/etc"), WHOLE],
        [member("brain/pillar/federation.sls", type=tarfile.LNKTYPE, linkname="/etc/shadow")],
        [member(EVIL, type=tarfile.CHRTYPE), WHOLE],
        [member("brain/pillar", type=tarfile.DIRTYPE), WHOLE],
        [member(EVIL, type=tarfile.FIFOTYPE), WHOLE],
    ],
)
def test_members_that_are_not_what_the_manifest_says_are_refused(tmp_path, members):
    with pytest.raises(Damaged):
        verify(archive(tmp_path / "a", *members))


def test_extension_headers_are_refused_before_they_are_read(tmp_path):
    long = member("brain/pillar/" + "n" * 300, b"x")
    with pytest.raises(Damaged):
        verify(archive(tmp_path / "a", long, WHOLE, format=tarfile.PAX_FORMAT))


def test_what_follows_the_end_is_refused(tmp_path):
    with pytest.raises(Damaged, match="something follows"):
        verify(archive(tmp_path / "a", WHOLE, tail=b"x" * 512))


def test_a_small_file_that_unpacks_to_a_huge_one_is_not_unpacked(tmp_path):
    bomb = tmp_path / "a"
    bomb.write_bytes(gzip.compress(member("manifest.json", b"x" * (64 << 20))[0].tobuf() + b"\0" * (64 << 20)))
    with pytest.raises(Damaged, match="begin with a manifest"):
        read_head(bomb)


def test_nothing_is_written_over_a_link_that_stands_in_the_way(tmp_path):
    out = tmp_path / "out"
    (out / "pillar").mkdir(parents=True)
    (out / "pillar/federation.sls").symlink_to(tmp_path / "victim")
    with pytest.raises(Damaged):
        extract(archive(tmp_path / "a", WHOLE), out)
    assert not (tmp_path / "victim").exists()


@given(where=st.integers(0), value=st.integers(1, 255))
def test_a_changed_byte_is_found_or_changes_nothing(tmp_path_factory, where, value):
    path = archive(tmp_path_factory.mktemp("a") / "a", WHOLE)
    data = bytearray(path.read_bytes())
    data[where % len(data)] ^= value
    path.write_bytes(data)
    with suppress(Damaged):
        assert verify(path).manifest == parse_manifest(json.dumps(told()).encode(), "it")


@given(st.binary(max_size=2000))
def test_noise_is_no_archive(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("a") / "a"
    for content in (data, gzip.compress(data)):
        path.write_bytes(content)
        with pytest.raises(Damaged):
            read_head(path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(told())), inner),
        max_leaves=20,
    )
)
def test_any_document_is_a_manifest_or_damaged(document):
    with pytest.raises(Damaged):
        parse_manifest(json.dumps(document).encode(), "it")


PARTS = st.sampled_from(["..", ".", "", "a", "b", "up", "deep"])


@given(st.lists(PARTS, min_size=1, max_size=6).map("/".join), st.sampled_from(["l", "a/l", "a/b/l"]))
def test_a_link_that_counts_as_inside_is_inside_whatever_other_links_there_are(tmp_path_factory, target, place):
    top = tmp_path_factory.mktemp("t") / "top"
    (top / "a/b").mkdir(parents=True)
    (top / "up").symlink_to("a")
    (top / "deep").symlink_to("a/b")
    (top / place).symlink_to(target or ".")
    if stays_inside(place, target):
        assert Path(os.path.realpath(top / place)).is_relative_to(top)


@given(st.text(min_size=1, max_size=40))
def test_a_clean_path_stays_below(path):
    if is_clean(path):
        assert os.path.normpath(path) == path
        assert not os.path.isabs(path)
        assert "\0" not in path

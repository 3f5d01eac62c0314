"""The thin works on every Python of a node that this machine has, with nothing beside it but the standard library."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from functional.pythons import pythons
from mip_salt.remote.thin import thin
from wheelhouse import wheelhouse

PROBE = Path(__file__).with_name("thin_probe.py")
PYTHONS = pythons()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIP_SALT_WHEELHOUSE", str(wheelhouse()))
        packed = thin(tmp_path_factory.mktemp("cache"))
    place = tmp_path_factory.mktemp("thin")
    with tarfile.open(fileobj=io.BytesIO(packed.data)) as archive:
        archive.extractall(place)
    return place


# One process asks a Python, once: it imports all of Salt.
ONCE = [pytest.param(path, id=version, marks=pytest.mark.xdist_group(version)) for version, path in PYTHONS.items()]


@pytest.fixture(scope="module", params=ONCE)
def seen(request, unpacked, tmp_path_factory):
    """What a Python tells of Salt in it; it knows no other library, whatever is installed for it here."""
    own = tmp_path_factory.mktemp("node")
    call = [request.param, "-I", "-S", "-B", str(PROBE), str(unpacked), str(own)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=280, cwd=own)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_this_python_is_among_those_that_are_tried():
    assert f"3.{sys.version_info.minor}" in PYTHONS


def test_salt_starts_and_knows_the_node(seen):
    assert seen["version"].startswith("3008.")
    assert seen["grains"]["kernel"] == "Linux"
    assert seen["grains"]["os_family"] == "Debian"


def test_the_modules_that_nodes_work_with_are_loaded(seen):
    """Salt says of one that cannot be imported only that its functions are unknown."""
    assert {"cmd", "cp", "file", "group", "hosts", "http", "ip", "pkg", "saltutil", "service", "state", "user"} <= set(
        seen["modules"]
    )


def test_states_change_what_they_say(seen):
    assert seen["states"]["file"] == [True, True]
    assert seen["states"]["cmd"] == [True, True]
    assert seen["written"] == "of 42\n"


def test_a_test_changes_nothing(seen):
    assert seen["tested"] == {"user": None, "pkg": None, "file": None}
    assert not seen["was there"]


def test_all_that_is_imported_comes_from_the_thin_or_from_python(seen):
    assert seen["elsewhere"] == []
    assert seen["compiled"] == []

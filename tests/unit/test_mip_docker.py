"""``_modules/mip_docker.py`` and its like, loaded as plain Python: what is safe, what is merged, what apt says."""

import importlib.util
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mip_salt.data import data_root
from salt.exceptions import CommandExecutionError


def module(name):
    spec = importlib.util.spec_from_file_location(f"{name}_under_test", data_root() / "_modules" / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


docker, daemon_json, apt = module("mip_docker"), module("mip_daemon_json"), module("mip_apt")


@pytest.mark.parametrize(
    "version",
    [
        *("20.10.24", "20.10.24+dfsg1", "20.10.25", "23.0.3", "23.0.10", "24.0.0", "27.3.1", "29.1.3"),
        *("5:27.3.1-1~debian.12~bookworm", "26.1.5+dfsg1-9+b9", "20.10.24+dfsg1-1+deb12u1"),
    ],
)
def test_an_engine_at_or_above_the_floor_is_safe(version):
    assert docker.safe(version)


@pytest.mark.parametrize(
    "version",
    [
        *("20.10.23", "20.10.5+dfsg1", "20.10.0", "19.03.8", "23.0.2", "23.0.0", "22.06.0-beta.0", "20.11.0", "18.9.1"),
        *("5:23.0.1-1~debian.12~bookworm", "", "dev", "library-import", "99", "20.10", "99999999.1.1", None),
    ],
)
def test_one_below_it_or_of_no_known_version_is_not(version):
    assert not docker.safe(version)


def test_what_answers_no_http_is_no_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(docker, "SOCKET", str(tmp_path / "docker.sock"))
    monkeypatch.setattr(docker, "ENGINE_PATH", str(tmp_path))
    assert docker.engine()["there"] is False
    (tmp_path / "dockerd").write_text("")
    (tmp_path / "dockerd").chmod(0o755)
    found = docker.engine()
    assert (found["there"], found["version"], found["safe"]) == (True, None, None)
    assert "docker.sock: No such file" in found["why"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_a_merge_done_twice_is_a_merge_done_once(old, patch):
    once = daemon_json._merged(old, patch)
    assert daemon_json._merged(once, patch) == once


@given(OBJECTS, OBJECTS)
def test_a_merge_touches_no_key_but_those_it_names(old, patch):
    merged = daemon_json._merged(old, patch)
    assert {key: merged[key] for key in old if key not in patch} == {k: v for k, v in old.items() if k not in patch}
    assert {key for key in patch if patch[key] is not None} <= set(merged)
    assert not {key for key in patch if patch[key] is None} & set(merged)


@pytest.mark.parametrize(
    ("old", "patch", "new"),
    [  # from RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_is_that_of_the_standard(old, patch, new):
    assert daemon_json._merged(old, patch) == new


@pytest.mark.skipif(not shutil.which("apt-cache"), reason="apt is of Debian and Ubuntu")
def test_apt_tells_candidates_and_knows_nothing_of_what_is_not_there():
    assert apt.candidates("no-such-package-here") == {}
    found = apt.candidates("coreutils", "no-such-package-here")
    assert set(found) == {"coreutils"}
    assert found["coreutils"][0].isdigit()


@pytest.mark.parametrize("name", ["-o=x", "a b", "A", "", None, "a;b", "../a"])
def test_what_is_no_packages_name_is_not_passed_to_apt(name):
    with pytest.raises(CommandExecutionError, match="not a package's name"):
        apt.candidates(name)

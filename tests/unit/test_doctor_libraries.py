"""The doctor says whether nodes can get their libraries: kept, in a folder, or by pip."""

import shutil

import pytest
from mip_salt.remote import wheels
from mip_salt.workflows.doctor.libraries import libraries
from mip_salt.workflows.findings import Level
from wheelhouse import wheelhouse


def look(folder=None):
    (finding,) = libraries(folder)
    return finding


@pytest.fixture(autouse=True)
def _no_network(tmp_path, monkeypatch):
    """Nothing but an empty folder is known to pip, and no wheelhouse is named."""
    (tmp_path / "index").mkdir()
    monkeypatch.delenv(wheels.WHEELHOUSE, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", (tmp_path / "index").as_uri())


def test_those_that_a_federation_keeps_need_nothing_else(brain):
    shutil.copytree(wheelhouse(), wheels.place(brain))
    assert look(brain).level is Level.OK
    assert "are kept" in look(brain).said


def test_a_federation_that_lost_one_is_as_one_that_has_none(brain):
    place = wheels.place(brain)
    shutil.copytree(wheelhouse(), place)
    next(place.glob("*.whl")).write_bytes(b"another")
    assert look(brain).level is look().level is Level.WARN


def test_where_pip_gets_none_the_stick_is_told(monkeypatch):
    found = look()
    assert found.level is Level.WARN
    assert "install --from STICK" in found.remedy
    monkeypatch.setenv("PIP_FIND_LINKS", wheelhouse().as_uri())
    assert look().level is Level.OK


def test_a_folder_that_is_named_must_have_all(tmp_path, monkeypatch):
    stick = tmp_path / "stick"
    monkeypatch.setenv(wheels.WHEELHOUSE, str(stick))
    assert (look().level, "is no folder" in look().said) == (Level.FAIL, True)
    shutil.copytree(wheelhouse(), stick)
    assert look().level is Level.OK
    lost = wheels.pins()[-1]
    next(path for path in stick.iterdir() if lost.is_called(path.name)).unlink()
    assert look().level is Level.FAIL
    assert f"lacks {lost}, which" in look().said

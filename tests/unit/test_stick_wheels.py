"""The wheels on a stick: made by pip as this machine has configured it, and enough to install from alone."""

import subprocess
import sys

import pytest
from mip_salt.errors import Unreachable
from mip_salt.workflows import stick

# A backend of its own, so that building the package needs nothing from anywhere.
BACKEND = """
import zipfile
def build_wheel(to, config=None, metadata=None):
    name, info = "tiny-1.0-py3-none-any.whl", "tiny-1.0.dist-info"
    with zipfile.ZipFile(f"{to}/{name}", "w") as wheel:
        wheel.writestr("tiny.py", "answer = 42\\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A package of one line in mip-salt's place: a full wheelhouse takes most of a minute."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "backend.py").write_text(BACKEND, "utf-8")
    (folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    monkeypatch.setattr(stick, "data_root", lambda: folder)
    return folder


def test_what_is_in_the_wheelhouse_installs_without_an_index(tiny, tmp_path):
    told = []
    stick._wheels(tmp_path / "wheelhouse", told.append)
    assert "building wheel for tiny" in {progress.text for progress in told}
    assert [wheel.name for wheel in (tmp_path / "wheelhouse").iterdir()] == ["tiny-1.0-py3-none-any.whl"]
    there = ("--no-index", "--find-links", tmp_path / "wheelhouse", "--target", tmp_path / "site", "tiny")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *there], check=True, timeout=60)
    assert "42" in (tmp_path / "site" / "tiny.py").read_text("utf-8")


def test_what_pip_cannot_build_is_told_with_the_way_without_it(tiny, tmp_path):
    (tiny / "backend.py").write_text("def build_wheel(*a, **b): raise OSError('no')\n", "utf-8")
    with pytest.raises(Unreachable, match="pip cannot make the wheels") as told:
        stick._wheels(tmp_path / "wheelhouse")
    assert "--no-wheelhouse" in told.value.hint
    assert "checkout" not in told.value.hint


def test_an_installed_mip_salt_that_no_index_has_is_told_where_wheels_can_be_made(tiny, tmp_path, monkeypatch):
    (tiny / "pyproject.toml").unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Unreachable) as told:
        stick._wheels(tmp_path / "wheelhouse")
    assert "installed from a checkout: pip install -e" in told.value.hint

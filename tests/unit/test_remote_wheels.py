"""Libraries for nodes are the pinned files or none: by pip, from a folder, and never half of them."""

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import pytest
from mip_salt.errors import Damaged, Unreachable, UsageError
from mip_salt.remote import pip, wheels
from wheelhouse import wheelhouse


@pytest.fixture
def stick(tmp_path) -> Path:
    """A folder of three wheels: pure, of one processor, and one that nobody asks for."""
    folder = tmp_path / "stick"
    folder.mkdir()
    wheel(folder, "Pure_One-1.0-py3-none-any.whl", "pure_one")
    wheel(folder, "native-2.0-cp38-abi3-manylinux2014_x86_64.whl", "native")
    wheel(folder, "other-3.0-py3-none-any.whl", "other")
    return folder


def wheel(folder: Path, file: str, module: str) -> Path:
    name, number, *_ = file.split("-")
    tags = file.removesuffix(".whl").split("-", 2)[2]
    about = f"{name}-{number}.dist-info"
    with zipfile.ZipFile(folder / file, "w") as made:
        made.writestr(f"{module}/__init__.py", f"NAME = {module!r}\n")
        made.writestr(f"{module}/test/__init__.py", "")
        made.writestr(f"{module}/_speedups.abi3.so", b"\x7fELF")
        made.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        made.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n")
        made.writestr(f"{about}/RECORD", "")
    return folder / file


@pytest.fixture
def pinned(stick, tmp_path, monkeypatch) -> list[wheels.Pin]:
    """Pins of two of them, in place of the real ones; nothing but the stick is known to pip."""
    pins = tmp_path / "libraries.txt"
    pins.write_text(
        "# Why.\n"
        f"Pure_One==1.0 --hash=sha256:{digest(stick / 'Pure_One-1.0-py3-none-any.whl')}\n"
        f"native==2.0 --hash=sha256:{digest(stick / 'native-2.0-cp38-abi3-manylinux2014_x86_64.whl')}\n"
    )
    monkeypatch.setattr(wheels, "PINS", pins)
    monkeypatch.delenv(wheels.WHEELHOUSE, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", stick.as_uri())
    return wheels.pins()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def there(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


BOTH = ["Pure_One-1.0-py3-none-any.whl", "native-2.0-cp38-abi3-manylinux2014_x86_64.whl"]


# --- by pip --------------------------------------------------------------------------------------------------------


def test_pip_downloads_exactly_the_pinned_files_whatever_processor_this_is(pinned, tmp_path):
    told = []
    assert [wheel.file for wheel in wheels.ensure(tmp_path / "place", on_progress=told.append)] == BOTH
    assert there(tmp_path / "place") == BOTH
    assert (tmp_path / "place").stat().st_mode & 0o777 == 0o700
    assert told == ["2 libraries for nodes"]


def test_what_is_there_is_not_fetched_again(pinned, tmp_path, monkeypatch):
    wheels.ensure(tmp_path / "place")
    monkeypatch.setattr(wheels, "download", None)
    assert len(wheels.ensure(tmp_path / "place", on_progress=pytest.fail)) == 2


def test_a_damaged_one_is_fetched_again(pinned, tmp_path):
    whole = wheels.ensure(tmp_path / "place")
    (tmp_path / "place" / BOTH[0]).write_bytes(b"x")
    assert wheels.ensure(tmp_path / "place") == whole
    assert digest(tmp_path / "place" / BOTH[0]) == pinned[0].sha256


def test_another_file_than_the_pinned_one_is_not_used(pinned, stick, tmp_path):
    wheel(stick, BOTH[1], "evil")
    with pytest.raises(Damaged, match=r"what came as native==2\.0 is not the pinned file") as raised:
        wheels.ensure(tmp_path / "place")
    assert "Nothing of it is used" in raised.value.hint
    assert there(tmp_path / "place") == []


def test_without_a_way_to_an_index_it_says_what_to_do(pinned, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(Unreachable, match="cannot be downloaded: Connection refused") as raised:
        wheels.ensure(tmp_path / "place")
    assert "MIP_SALT_WHEELHOUSE=DIR" in raised.value.hint
    assert there(tmp_path / "place") == []


def test_an_index_without_it_is_told_in_pips_words(pinned, stick, tmp_path):
    (stick / BOTH[0]).unlink()
    with pytest.raises(Unreachable, match=r"Could not find a version that satisfies the requirement Pure_One==1\.0"):
        wheels.ensure(tmp_path / "place")


def test_a_python_without_pip_is_told(pinned, tmp_path, monkeypatch):
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(Damaged, match=f"{bare} has no pip") as raised:
        wheels.ensure(tmp_path / "place")
    assert raised.value.hint.startswith("Install pip there.")


def test_pip_neither_imports_from_where_one_stands_nor_sees_our_passphrase(pinned, stick, tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIP_SALT_VAULT_PASSPHRASE", "hunter2")
    seen = tmp_path / "seen"
    spy = tmp_path / "python"
    spy.write_text(f'#!/bin/sh\nenv > {seen}\nexec {sys.executable} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(spy))
    assert len(wheels.ensure(tmp_path / "place")) == 2
    assert "hunter2" not in seen.read_text()


# --- from a folder ---------------------------------------------------------------------------------------------------


@pytest.fixture
def no_pip(pinned, monkeypatch):
    """A folder asks neither pip nor network."""
    monkeypatch.setattr(wheels, "download", lambda *_: pytest.fail("pip was asked"))


@pytest.mark.usefixtures("no_pip")
def test_a_folder_gives_what_is_pinned_and_nothing_else_of_it(stick, tmp_path):
    assert [wheel.file for wheel in wheels.ensure(tmp_path / "place", stick)] == BOTH
    assert there(tmp_path / "place") == BOTH


@pytest.mark.usefixtures("no_pip")
def test_the_environment_may_name_the_folder(stick, tmp_path, monkeypatch):
    monkeypatch.setenv("MIP_SALT_WHEELHOUSE", str(stick))
    assert len(wheels.ensure(tmp_path / "place")) == 2


@pytest.mark.usefixtures("no_pip")
def test_a_filled_place_is_such_a_folder(stick, tmp_path):
    wheels.ensure(tmp_path / "one", stick)
    assert wheels.ensure(tmp_path / "two", tmp_path / "one") == wheels.ensure(tmp_path / "one")


@pytest.mark.usefixtures("no_pip")
def test_a_damaged_wheel_of_a_folder_is_told_and_nothing_is_kept(stick, tmp_path):
    (stick / BOTH[1]).write_bytes(b"x")
    with pytest.raises(Damaged, match=r"native 2\.0 in .*stick is not the pinned file"):
        wheels.ensure(tmp_path / "place", stick)
    assert there(tmp_path / "place") == []


@pytest.mark.usefixtures("no_pip")
def test_what_a_folder_lacks_is_told(stick, tmp_path):
    (stick / BOTH[0]).unlink()
    with pytest.raises(Damaged, match=r"stick lacks Pure_One 1\.0, which nodes need"):
        wheels.ensure(tmp_path / "place", stick)


@pytest.mark.usefixtures("no_pip")
def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="is no folder of wheels"):
        wheels.ensure(tmp_path / "place", tmp_path / "nowhere")


def test_wheels_of_other_versions_go(pinned, stick, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    wheel(place, "native-1.9-py3-none-any.whl", "native")
    wheels.ensure(place, stick)
    assert there(place) == BOTH


def test_only_sources_are_taken_out(pinned, stick, tmp_path):
    assert wheels.sources(wheels.ensure(tmp_path / "place", stick)) == {
        "pure_one/__init__.py": b"NAME = 'pure_one'\n",
        "native/__init__.py": b"NAME = 'native'\n",
    }


# --- the real ones ---------------------------------------------------------------------------------------------------


def test_every_line_of_the_pins_is_one():
    lines = [line for line in wheels.PINS.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(wheels.pins()) == len(lines) == len({pin.name for pin in wheels.pins()})


def test_the_pinned_files_are_those_that_pip_downloads_here():
    """The folder was filled by pip."""
    assert len(wheels.ensure(wheelhouse(), on_progress=pytest.fail)) == len(wheels.pins())


def test_pip_is_asked_for_the_oldest_python():
    assert "--python-version=3.8" in pip.KIND

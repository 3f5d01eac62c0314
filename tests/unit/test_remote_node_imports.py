"""What of Salt a node imports: what a run needs, and of all else nothing that the run could tell from its absence."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mip_salt.data import data_root
from mip_salt.remote.node.runner import LATE, _some_named_otherwise
from mip_salt.remote.thin import thin

PLAIN = "def here():\n    return True\n"
NAMED = '__virtualname__ = "{}"\n\n\ndef __virtual__():\n    return __virtualname__\n'


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    packed = thin(tmp_path_factory.mktemp("thin"))
    with tarfile.open(fileobj=io.BytesIO(packed.data)) as archive:
        members = [member for member in archive if member.name.endswith(".py")]
        return {member.name: archive.extractfile(member).read().decode() for member in members}  # type: ignore[union-attr]


def test_the_name_of_each_of_salts_modules_is_in_its_files_name(sent):
    # Salt looks for a function only in such files, once it is told to match strictly.
    elsewhere = {
        (path, name)
        for path, source in sent.items()
        if path.startswith("salt/") and path.count("/") == 2
        for name in names(source)
        if name not in Path(path).stem
    }
    assert not elsewhere


def names(source: str) -> Iterator[str]:
    """Yield the names that a module gives itself."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("__virtualname__", "__virtual_aliases__"):
            yield from (c.value for c in ast.walk(node.value) if isinstance(c, ast.Constant))
        elif isinstance(node, ast.FunctionDef) and node.name == "__virtual__":
            for found in ast.walk(node):
                if isinstance(found, ast.Return) and isinstance(found.value, ast.Constant):
                    yield from [found.value.value] if isinstance(found.value.value, str) else []


@pytest.mark.parametrize("source", [PLAIN, NAMED.format("mine"), NAMED.format("mine").replace('"\n', '"  \n')])
def test_a_module_named_as_its_file_is_found_by_its_file(tmp_path, source):
    assert not _some_named_otherwise(str(written(tmp_path, source)))


@pytest.mark.parametrize(
    "source",
    [
        NAMED.format("other"),
        NAMED.format("mine").replace('"mine"', "PLATFORM"),
        "def __virtual__():\n    return 'other'\n",
        NAMED.format("mine") + "__virtual_aliases__ = ('other',)\n",
        NAMED.format("mine") + "if True:\n    __virtualname__ = 'other'\n",
    ],
    ids=["another", "computed", "returned", "aliases", "twice"],
)
def test_for_a_module_that_may_be_named_otherwise_salt_looks_through_all(tmp_path, source):
    assert _some_named_otherwise(str(written(tmp_path, source)))


def written(place: Path, source: str) -> Path:
    (place / "modules").mkdir()
    (place / "modules" / "mine.py").write_text(source)
    return place


@pytest.mark.parametrize("folder", ["_modules", "states"])
def test_none_of_ours_is_named_otherwise(folder):
    assert not _some_named_otherwise(str(data_root() / folder))


def test_what_is_read_late_adds_nothing_to_jinja(sent):
    for name in LATE:
        source = sent.get(f"{name.replace('.', '/')}.py", "")
        assert "decorators.jinja" not in source, name


def test_what_is_read_late_is_read_once_it_is_asked():
    program = f"""
import importlib, sys
from mip_salt.remote.node.runner import _Late
sys.meta_path[:0] = [_Late]
late = [importlib.import_module(name) for name in {LATE!r}]
print({{type(module).__name__ for module in late}})
assert all(module.__file__ for module in late)
print({{type(module).__name__ for module in late}})
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["{'_LazyModule'}", "{'module'}"]

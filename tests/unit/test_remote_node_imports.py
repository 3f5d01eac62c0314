"""What of Salt a node imports: what a run needs, and of all else nothing that the run could tell from its absence."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from mip_salt.data import data_root
from mip_salt.remote.master import LATE as ON_THE_PUSHER
from mip_salt.remote.node.runner import LATE as ON_THE_NODE
from mip_salt.remote.node.runner import _some_named_otherwise
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


def salts(name: str) -> str:
    """Return the source of a module that is Salt's; empty for any other's."""
    found = find_spec("salt")
    place = Path(found.origin).parents[1] / name.replace(".", "/")  # type: ignore[union-attr, arg-type]
    source = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
    return source.read_text("utf-8") if name.startswith("salt.") and source.exists() else ""


LATE = sorted({*ON_THE_NODE, *ON_THE_PUSHER})


def test_what_is_read_late_adds_nothing_to_jinja_but_the_filter_that_is_kept():
    adding = [name for name in LATE if "decorators.jinja" in salts(name)]
    assert adding == ["salt.utils.http"]
    assert re.findall(r"^@jinja_\w+.*", salts("salt.utils.http"), re.M) == ['@jinja_filter("http_query")']


@pytest.mark.parametrize("late", [ON_THE_NODE, ON_THE_PUSHER], ids=["node", "pusher"])
def test_what_is_read_late_is_read_once_it_is_asked(late):
    program = f"""
import importlib, sys
from mip_salt.remote.node.late import read_late
read_late({late!r})
late = [importlib.import_module(name) for name in {late!r}]
mine = [module for module in late if type(module).__name__ == "_Late"]
print(len(mine) > len(late) / 2)
assert all(module.anything is None for module in late if hasattr(module, "anything"))
print({{type(module).__name__ for module in late}})
"""
    assert run(program) == ["True", "{'module'}"]


def test_what_is_imported_twice_is_still_not_read(tmp_path):
    (tmp_path / "slow.py").write_text("print('read')\nvalue = 1\n")
    program = f"""
import sys
sys.path.append({str(tmp_path)!r})
from mip_salt.remote.node.late import read_late
read_late(["slow"])
import slow
import slow as again
print("imported")
print(again.value)
"""
    assert run(program) == ["imported", "read", "1"]


def test_a_module_that_cannot_be_read_says_so_whenever_it_is_asked(tmp_path):
    (tmp_path / "wrong.py").write_text("raise RuntimeError('wrong')\n")
    program = f"""
import sys
sys.path.append({str(tmp_path)!r})
from mip_salt.remote.node.late import read_late
read_late(["wrong", "missing"])
import wrong
for _ in range(2):
    try:
        wrong.value
    except RuntimeError as err:
        print(err)
try:
    import missing
except ImportError:
    print("missing")
"""
    assert run(program) == ["wrong", "wrong", "missing"]


def test_jinja_has_all_filters_that_it_has_when_nothing_is_read_late():
    program = """
{}
import salt.loader, salt.utils.templates, salt.client.ssh.state
{}
from salt.utils.decorators.jinja import JinjaFilter, JinjaGlobal, JinjaTest
names = [*JinjaFilter.salt_jinja_filters, *JinjaTest.salt_jinja_tests, *JinjaGlobal.salt_jinja_globals]
print(*sorted(names))
"""
    late = f"from mip_salt.remote.node.late import *; read_late({LATE!r})"
    assert run(program.format(late, "keep_filters()")) == run(program.format("", ""))


def run(program: str) -> list[str]:
    """Return the words that a program of Python prints."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()

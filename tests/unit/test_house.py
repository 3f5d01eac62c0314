"""The rules of the house: floors, no cycles, short modules, one printer."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "cli" / "mip_salt"
# A floor may import those before it, and itself.
FLOORS = [
    {"errors", "printable", "data", "loader", "interrupts", "keyboard", "process_stat", "readers", "__init__"},
    {"federation"},
    {"terminal"},
    {"vault", "ssh", "pillars", "incumbent", "versions", "archive"},
    {"renderers"},
    {"remote"},
    {"questions"},
    {"workflows", "lab"},
    {"commands"},
    {"main"},
    {"start"},
    {"__main__"},
]
MODULES = sorted(PACKAGE.rglob("*.py"))


def floor_of(part: str) -> int:
    return next(i for i, floor in enumerate(FLOORS) if part in floor)


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "__init__"


def imports_of(path: Path) -> set[str]:
    """Every module of ours that a module imports anywhere, for types or for work."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mip_salt":
            base = node.module.removeprefix("mip_salt").lstrip(".")
            for alias in node.names:
                inner = PACKAGE / base.replace(".", "/") / f"{alias.name}.py"
                found.add(f"{base}.{alias.name}".strip(".") if inner.is_file() else base or "__init__")
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("mip_salt.") for a in node.names if a.name.startswith("mip_salt.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_lower_floor_never_imports_a_higher_one(path):
    mine = floor_of(name_of(path).split(".")[0])
    higher = {name for name in imports_of(path) if floor_of(name.split(".")[0]) > mine}
    assert not higher


def test_no_two_files_import_each_other():
    graph = {name_of(path): imports_of(path) for path in MODULES}
    seen: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way, name))
        if name in seen:
            return
        for other in graph.get(name, ()):
            walk(other, (*way, name))
        seen.add(name)

    for name in graph:
        walk(name, ())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_does_one_thing_in_300_lines(path):
    assert len(path.read_text("utf-8").splitlines()) < 300


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_terminal_prints(path):
    calls = [n.func for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    prints = [c for c in calls if isinstance(c, ast.Name) and c.id == "print"]
    echoes = [c for c in calls if isinstance(c, ast.Attribute) and c.attr in ("echo", "secho")]
    assert name_of(path) == "terminal" or not prints + echoes


def test_no_python_lies_in_salt():
    """A Python file there would shadow Salt's own package."""
    assert list((PACKAGE.parents[1] / "salt").rglob("*.py")) == []


def test_no_two_files_of_tests_share_a_name():
    """Else pytest collects one of them alone, whenever both are asked for at once."""
    names = sorted(path.name for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert names == sorted(set(names))


def test_the_page_of_the_house_lists_the_floors_as_they_are():
    page = (PACKAGE.parents[1] / "docs" / "house.md").read_text("utf-8")
    tree = page.partition("cli/mip_salt/")[2].partition("\n    salt/")[0]
    told = [re.split(" {2,}", line.strip())[0].split() for line in tree.splitlines()[1:]]
    names = [name.rstrip("/").removesuffix(".py") for row in told for name in row]
    assert set(names) == set().union(*FLOORS) - {"__init__", "__main__"}
    assert [floor_of(name) for name in names] == sorted(map(floor_of, names), reverse=True)

"""Every error says what to do: each is made with a hint, or stands here with the reason why its message is enough."""

import ast
from pathlib import Path

import pytest
from mip_salt import errors

PACKAGE = Path(__file__).parents[2] / "cli" / "mip_salt"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "errors.py")
# The message's beginning → why it needs no hint.
ENOUGH = {
    "{chosen} is kept": "the operator said no; nothing is to be done",
    "{chosen} keeps its hostname {todo.before}": "the same",
    "{folder.path} stays as it is": "the same",
    "{folder.name} keeps {now}": "the same",
    "{file} is kept": "the same",
    "{err.message}{REMEDY}{err.hint}": "its hint is in the message: Salt passes on nothing else",
    "--host-key: {err}": "the message is the rule, with an example",
}


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def kinds():
    """Every class of the error tree, also those that modules make for themselves, and a parameter that is one."""
    found = {name for name, value in vars(errors).items() if isinstance(value, type)}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and found & {
                base.id for base in node.bases if isinstance(base, ast.Name)
            }:
                found.add(node.name)
    return found | {"error"}


KINDS = kinds()


def made(path):
    """Yield every error that a module makes: where, its message, its hint (None if it has none)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            hints = [word.value for word in node.keywords if word.arg == "hint"]
            text = ast.unparse(node.args[0]).lstrip("f").strip("'\"") if node.args else ""
            yield node.lineno, text, hints[0] if hints else None


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_error_says_what_to_do(path):
    bare = [f"line {line}: {text}" for line, text, hint in made(path) if hint is None and text not in ENOUGH]
    assert bare == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_hint_is_never_empty(path):
    empty = [line for line, _, hint in made(path) if isinstance(hint, ast.Constant) and not str(hint.value).strip()]
    assert empty == []


def test_no_exception_outlives_its_error():
    texts = {text for path in MODULES for _, text, _ in made(path)}
    assert set(ENOUGH) <= texts


def test_the_walk_sees_errors():
    assert sum(1 for path in MODULES for _ in made(path)) > 150

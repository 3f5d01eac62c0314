"""Sources of libraries made readable for the older Pythons of nodes.

Salt itself runs on Python 3.8, the libraries beside it are those of the pusher's Python (measured on Debian 11, Python
3.9, salt 3008.4: tornado 6.6 annotates with ``str | bytes``, urllib3 2 has ``Iterable[bytes | str]`` in an alias).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

OLDEST = (3, 8)


def downlevelled(source: bytes) -> bytes:
    """Return a module's source so that Python 3.8 and later can import it; unchanged where that cannot be had.

    Annotations stay text, unions inside of types become ``typing.Union``, and brackets around the items of a ``with``
    go away.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    for union in sorted(_unions(tree), key=lambda node: (node.lineno, node.col_offset), reverse=True):
        source = _replaced(source, union)
    source = _with_text_annotations(source)
    try:
        ast.parse(source, feature_version=OLDEST)
    except SyntaxError:
        source = ast.unparse(ast.parse(source)).encode()
    return source


def _unions(tree: ast.AST) -> Iterator[ast.BinOp]:
    """Yield every union in the brackets of a type, outermost only; what is an annotation is not looked at."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, within = waiting.pop()
        if within and isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            yield node
            continue
        if isinstance(node, ast.arg | ast.AnnAssign):
            continue
        for name, field in ast.iter_fields(node):
            if name == "returns":
                continue
            inside = (isinstance(node, ast.Subscript) and name == "slice") or within
            waiting += [(item, inside) for item in (field if isinstance(field, list) else [field]) if _is_node(item)]


def _is_node(item: object) -> bool:
    return isinstance(item, ast.AST)


def _replaced(source: bytes, union: ast.BinOp) -> bytes:
    lines = source.splitlines(keepends=True)
    start = sum(map(len, lines[: union.lineno - 1])) + union.col_offset
    end = sum(map(len, lines[: (union.end_lineno or 0) - 1])) + (union.end_col_offset or 0)
    members = ", ".join(ast.unparse(member) for member in _members(union))
    return source[:start] + f'__import__("typing").Union[{members}]'.encode() + source[end:]


def _members(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_members(node.left), *_members(node.right)]
    return [node]


def _with_text_annotations(source: bytes) -> bytes:
    """Put the line first that keeps annotations from being evaluated."""
    body = ast.parse(source).body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if not body or (isinstance(body[0], ast.ImportFrom) and body[0].module == "__future__"):
        return source
    lines = source.splitlines(keepends=True)
    at = min([body[0].lineno, *(each.lineno for each in getattr(body[0], "decorator_list", []))]) - 1
    return b"".join([*lines[:at], b"from __future__ import annotations\n", *lines[at:]])

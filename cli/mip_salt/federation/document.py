"""Read and edit ``pillar/federation.sls``, the one file that tells the whole federation; comments survive."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from mip_salt.errors import Damaged, MipError
from mip_salt.federation.files import write_if_changed
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.node_ids import order_of
from mip_salt.federation.problems import problems
from mip_salt.printable import printable

HEADER = """\
# The federation: its nodes and its settings. Edit it by hand or by `mip-salt configure`; both keep your comments.
# Everything else in this folder (Saltfile, master, roster, pillar/top.sls) is generated from it.
"""
MAX_BYTES = 1 << 20
# A colon at its beginning would end the key of a flow mapping: {site: :0}
PLAIN = re.compile(r"[A-Za-z0-9_./-][A-Za-z0-9_.:/-]*\Z")


def _yaml() -> YAML:
    reader = YAML(typ="rt")
    reader.preserve_quotes = True
    reader.width = 1000  # a node stays on one line, and so does its diff
    reader.indent(mapping=2, sequence=4, offset=2)
    return reader


def parse_yaml(text: str, source: str, error: type[MipError] = Damaged) -> Any:
    """Return a YAML document of plain values; duplicate keys are errors.

    source
        What to call the document in an error.
    error
        The error to raise, with line and reason.
    """
    if len(text) > MAX_BYTES:
        raise error(
            f"{source} is larger than {MAX_BYTES >> 20} MiB",
            hint="Nothing of a federation is that large: is it the file you mean?",
        )
    try:
        return _yaml().load(text)
    except YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise error(
            f"{source}{line}: {printable(getattr(err, 'problem', None) or 'is not YAML', 120)}", hint="Mend that line."
        ) from None
    except (ValueError, RecursionError, AttributeError, TypeError) as err:
        raise error(
            f"{source}: is not YAML that can be read ({type(err).__name__})",
            hint="Restore it, or write it anew; mip-salt schema tells what it may hold.",
        ) from None


@lru_cache(maxsize=4)
def parse(text: str, folder_name: str, source: str = "pillar/federation.sls") -> Federation:
    """Return the federation that a document tells; the same text is read once, which takes a while on many nodes.

    folder_name
        The name it must have, which is its folder's.

    Raises Damaged with every error and its path.
    """
    document = parse_yaml(text, source)
    if not isinstance(document, dict) or set(document) != {"mip"} or not isinstance(document["mip"], dict):
        raise Damaged(
            f"{source}: must have one key at its top, mip, and a mapping under it",
            hint="mip-salt schema federation describes it; or restore it from a backup.",
        )
    try:
        federation = Federation.model_validate(document["mip"])
    except ValidationError as err:
        raise Damaged(
            "\n".join([f"{source} has errors:", *(f"  {line}" for line in problems(err, Federation, "mip."))]),
            hint="Mend the lines named.",
        ) from None
    if federation.federation != folder_name:
        raise Damaged(
            f"{source}: is of federation {federation.federation!r}, but lies in the folder of {folder_name!r}",
            hint="Correct the name in the file, or move the folder back to its name.",
        )
    return federation


def load(folder: Folder) -> Federation:
    """Return the federation of a folder.

    Raises Damaged if its document is missing, unreadable or wrong.
    """
    try:
        text = folder.document.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise Damaged(
            f"{folder.document} cannot be read: {getattr(err, 'strerror', None) or 'not UTF-8'}",
            hint="Restore it from a backup, or make it readable for you alone.",
        ) from err
    return parse(text, folder.name, str(folder.document))


def begin(folder: Folder) -> Federation:
    """Write the document of a new federation, unless it has one, and return it."""
    if not folder.exists():
        name = json.dumps(folder.name)  # quoted: a federation may be called 2026 or on
        write_if_changed(folder.document, f"{HEADER}mip:\n  federation: {name}\n  nodes: {{}}\n")
    return load(folder)


def _scalar(value: object) -> object:
    """Quote a text that YAML 1.1, which Salt reads, could take for something else: ``12e3``, ``yes``, a quote."""
    if isinstance(value, str) and not (PLAIN.match(value) and yaml.safe_load(value) == value):
        return DoubleQuotedScalarString(value)
    return value


def _row(node: Node) -> CommentedMap:
    row = CommentedMap(
        {key: _scalar(value) for key, value in node.model_dump(mode="json", exclude_defaults=True).items()}
    )
    row.fa.set_flow_style()
    return row


def put_node(text: str, name: str, node: Node) -> str:
    """Return the document with one node added or changed, all else as it stood."""

    def edit(nodes: CommentedMap) -> None:
        if name not in nodes:
            later = [i for i, other in enumerate(nodes) if order_of(str(other)) > order_of(name)]
            nodes.insert(later[0] if later else len(nodes), name, _row(node))
            return
        row = nodes[name]
        fresh = _row(node)
        for key in [key for key in row if key not in fresh]:
            del row[key]
        for key, value in fresh.items():
            if row.get(key) != value:
                row[key] = value

    return _edit(text, edit)


def drop_node(text: str, name: str) -> str:
    """Return the document without one node."""
    return _edit(text, lambda nodes: nodes.pop(name, None))


def put_name(text: str, name: str) -> str:
    """Return the document under another federation's name."""

    def edit(body: CommentedMap) -> None:
        body["federation"] = DoubleQuotedScalarString(name)

    return _edit_top(text, edit)


def put_values(text: str, place: str, values: Mapping[str, str]) -> str:
    """Return the document with some values of one of its mappings changed, the rest as it stood.

    place
        The mapping's key below ``mip``: ``versions``. A new one is written above the nodes, on one line.
    """

    def edit(body: CommentedMap) -> None:
        if not isinstance(body.get(place), Mapping):
            body.pop(place, None)
            row = CommentedMap()
            row.fa.set_flow_style()
            body.insert(list(body).index("nodes") if "nodes" in body else len(body), place, row)
        for key, value in values.items():
            if body[place].get(key) != value:
                body[place][key] = _scalar(value)

    return _edit_top(text, edit)


def put_missing(text: str, place: Sequence[str], value: str) -> str:
    """Return the document with one value put in, unless something stands there already.

    place
        Its keys below ``mip``: ``("versions", "exareme")``.
    """

    def edit(body: CommentedMap) -> None:
        for key in place[:-1]:
            if not isinstance(body.get(key), Mapping):
                body[key] = CommentedMap()
            body = body[key]
        body.setdefault(place[-1], _scalar(value))

    return _edit_top(text, edit)


def _edit(text: str, change: Any) -> str:
    return _edit_top(text, lambda body: _edit_nodes(body, change))


def _edit_nodes(body: CommentedMap, change: Any) -> None:
    if not isinstance(body.get("nodes"), Mapping):
        body["nodes"] = CommentedMap()
    body["nodes"].fa.set_block_style()
    change(body["nodes"])


def _edit_top(text: str, change: Any) -> str:
    writer = _yaml()
    document = writer.load(text)
    change(document["mip"])
    out = io.StringIO()
    writer.dump(document, out)
    return out.getvalue()

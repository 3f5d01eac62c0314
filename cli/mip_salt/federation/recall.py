"""The federation as it was last validated, read back in a few milliseconds, for a command that only looks.

The schema, its library and YAML take longer to import than a node takes to answer (measured: 0.2 s of CPU). So what
they made of the document is kept beside it, under a digest of the document's own bytes and of this version; whatever
does not fit exactly is read and validated anew.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from mip_salt import __version__
from mip_salt.data import data_root
from mip_salt.errors import Damaged
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.federation.node_ids import order_of

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

MAX_BYTES = 4 << 20
# Of the document's keys those whose values are mappings with keys of the operator's own.
MAPPINGS = ("nodes", "daemon")


class _Part:
    """Fields of the model, as plain values."""

    def __init__(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            self.__dict__[name] = _Part(value) if isinstance(value, dict) and name not in MAPPINGS else value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name}: what was recalled is not changed")


class _Recalled(_Part):
    """A federation's fields, and what the model says of its ids."""

    nodes: dict[str, Any]

    def __init__(self, fields: dict[str, Any]) -> None:
        nodes = {name: _Part(node) for name, node in fields["nodes"].items()}
        super().__init__({**fields, "nodes": nodes})

    def ids(self) -> list[str]:
        return sorted(self.nodes, key=order_of)

    def enabled(self) -> list[str]:
        return [name for name in self.ids() if self.nodes[name].enabled]


def recall(folder: Folder, *, jobs: int | None = None) -> Federation:
    """Return a folder's federation, to look at: it has the model's fields, ``ids()`` and ``enabled()``, and no more.

    jobs
        Nodes to work on at once, if not as many as its settings say.

    Raises Damaged, as document.load does, if the document is missing, unreadable or wrong.
    """
    fields = plain(folder)
    if jobs:
        fields["settings"]["jobs"] = jobs
    return as_federation(fields)


def as_federation(fields: dict[str, Any]) -> Federation:
    """Return what `plain` gave as `recall` does."""
    return cast("Federation", _Recalled(fields))


def plain(folder: Folder) -> dict[str, Any]:
    """Return a folder's federation as plain values, with all that is default.

    Raises Damaged, as document.load does, if the document is missing, unreadable or wrong.
    """
    raw = b""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raw = folder.document.read_bytes()
        with folder.recalled.open("rb") as file:
            kept = json.loads(file.read(MAX_BYTES))
        if kept["of"] == _digest(raw):
            return dict(kept["federation"])
    from mip_salt.federation.document import load, parse

    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text:
        return load(folder).model_dump(mode="json")  # says why it cannot be read
    fields = parse(text, folder.name, str(folder.document)).model_dump(mode="json")
    with suppress(Damaged):  # a disk that is full costs a moment, never the command
        write_atomic(folder.recalled, json.dumps({"of": _digest(raw), "federation": fields}))
    return fields


def _digest(raw: bytes) -> str:
    # The defaults stand for the schema, which changes between versions too while one is being made.
    defaults = (data_root() / "pillar" / "defaults.yaml").read_bytes()
    return hashlib.sha256(b"\0".join((__version__.encode(), defaults, raw))).hexdigest()

"""Read a federation's node ids at a glance, for the shell's completion: a few milliseconds, no schema, no errors."""

from __future__ import annotations

import re

from mip_salt.federation.folder import Folder

MAX_BYTES = 1 << 20
# A key that is a node's id, at the start of a line or in a flow mapping. `role: ms` is a value and is followed by none.
KEY = re.compile(r"""(?:^\s+|[{,]\s*)["']?(ms|ui|wk[1-9][0-9]{0,2})["']?\s*:(?=[\s{])""", re.M)
COMMENT = re.compile(r"(?:^|\s)#.*$", re.M)


def node_ids(text: str) -> list[str]:
    """Return the ids of the nodes in a federation's document, in its order; of one that is damaged, what looks so."""
    return list(dict.fromkeys(KEY.findall(COMMENT.sub("", text))))


def node_ids_of(folder: Folder) -> list[str]:
    """Return the ids of a federation's nodes, in its document's order.

    Raises OSError if the document cannot be read.
    """
    with folder.document.open(encoding="utf-8", errors="replace") as file:
        return node_ids(file.read(MAX_BYTES))

"""What one entry of the vault holds, and how it is bound to its federation and its node."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from mip_salt.errors import Damaged, TrustRefused

HEADER = "#!mip_vault\n"
FEDERATION = "federation"
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One entry, opened.

    pillar
        What Salt renders for the node.
    admin
        What Salt never renders: a kept password, the identity's passphrase.
    """

    pillar: dict[str, Any] = field(default_factory=dict)
    admin: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Entry(pillar of {len(self.pillar)} keys, admin of {len(self.admin)} keys)"


def encode(federation: str, name: str, entry: Entry) -> str:
    """Return an entry as text to seal; JSON, because YAML would make a boolean of the password ``yes``."""
    body = {"federation": federation, "id": name, "pillar": entry.pillar, "admin": entry.admin}
    return json.dumps(body, ensure_ascii=False)


def decode(federation: str, name: str, text: str) -> Entry:
    """Return the entry in an opened text.

    Raises TrustRefused if it was sealed for another node or federation, Damaged if it is not an entry.
    """
    try:
        body = json.loads(text)
        bound = (body["federation"], body["id"])
        entry = Entry(body["pillar"], body["admin"])
        if not isinstance(entry.pillar, dict) or not isinstance(entry.admin, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Damaged(
            "its vault entry is not one of mip-salt's",
            node=name,
            hint="Restore it from a backup, or configure the node again.",
        ) from None
    if bound != (federation, name):
        raise TrustRefused(
            "its vault entry was sealed for another node or federation",
            node=name,
            hint="Someone copied a file. Restore the entry from a backup, or configure the node again.",
        )
    return entry

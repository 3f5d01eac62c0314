"""Salt renderer ``#!mip_vault``: one node's pillar from its vault entry, or a refusal.

It never returns ciphertext, never another node's secrets, and never what the entry keeps for the operator alone.
Found through the ``salt.loader`` entry point; Salt compiles pillar on the pusher, also for raw ``salt-ssh``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salt.exceptions import SaltRenderError

__opts__: dict[str, Any]


def render(data: Any, saltenv: str = "base", sls: str = "", argline: str = "", **kwargs: Any) -> dict[str, Any]:
    """Return the pillar of the minion id that the roster gave.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 pillar.items

    Raises SaltRenderError, so that the pillar has errors and no state runs.
    """
    from mip_salt.errors import MipError
    from mip_salt.federation.folder import Folder
    from mip_salt.vault.at_hand import at_hand

    text = data.read() if hasattr(data, "read") else data
    try:
        return at_hand(Folder(Path(__opts__["mip_folder"]))).pillar(str(__opts__["id"]), _with_header(str(text)))
    except MipError as err:
        raise SaltRenderError(f"{err}. {err.hint}".strip()) from None


def _with_header(text: str) -> str:
    """Put the first line back: Salt takes it off before it calls a renderer."""
    from mip_salt.vault.entries import HEADER

    return text if text.startswith(HEADER) else HEADER + text

"""A vault for many entries in a row: its keyring is read once, and no node's entry is opened twice in one command."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from mip_salt.federation.folder import Folder
from mip_salt.vault.keyring import Vault


class AtHand:
    """A vault whose keyring is read already, and what of it was opened; all of that is in memory alone.

    folder
        The federation's folder.
    """

    def __init__(self, folder: Folder) -> None:
        self._vault = Vault(folder)
        # By node: the sealed text, and what Salt renders of it, as JSON; whoever changes a pillar changes his own.
        self._learnt: dict[str, tuple[str, str]] = {}
        self._opened: dict[str, tuple[str, str]] = {}

    def read_ring(self) -> None:
        """Read the keys of the ring now."""
        self._vault.read_ring()

    def pillar(self, name: str, text: str) -> dict[str, Any]:
        """Return what Salt renders for a node of its sealed text, which is opened unless it was before.

        Raises as Vault.open does.
        """
        for known in (self._learnt.get(name), self._opened.get(name)):
            if known and known[0] == text:
                return dict(json.loads(known[1]))
        pillar = self._vault.open(name, text).pillar
        self._opened[name] = text, json.dumps(pillar)
        return pillar

    def opened(self, name: str) -> tuple[str, str] | None:
        """Return what to tell the process that this one was forked off, if a node's entry was opened here."""
        return self._opened.get(name)

    def learn(self, name: str, opened: tuple[str, str]) -> None:
        """Keep what a process forked off this one opened, for those that come after it."""
        self._learnt[name] = opened


def at_hand(folder: Folder) -> AtHand:
    """Return a federation's vault; it is another, which has opened nothing, once the keyring has changed.

    Raises Damaged if gpg is not installed.
    """
    try:
        stat = (folder.gnupg / "pubring.kbx").stat()
    except OSError:
        return AtHand(folder)
    return _at_hand(folder, (stat.st_mtime_ns, stat.st_size, stat.st_ino))


def forget() -> None:
    """Forget all that was opened."""
    _at_hand.cache_clear()


@lru_cache(maxsize=2)
def _at_hand(folder: Folder, keyring: tuple[int, ...]) -> AtHand:
    found = AtHand(folder)
    found.read_ring()
    return found

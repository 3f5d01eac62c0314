"""A vault for many entries in a row: its keyring is read once."""

from __future__ import annotations

from functools import lru_cache

from mip_salt.federation.folder import Folder
from mip_salt.vault.keyring import Vault


def at_hand(folder: Folder) -> Vault:
    """Return a vault whose keyring is read already; it is read anew once it has changed.

    Raises Damaged if gpg is not installed.
    """
    try:
        stat = (folder.gnupg / "pubring.kbx").stat()
    except OSError:
        return Vault(folder)
    return _at_hand(folder, (stat.st_mtime_ns, stat.st_size, stat.st_ino))


@lru_cache(maxsize=2)
def _at_hand(folder: Folder, keyring: tuple[int, ...]) -> Vault:
    vault = Vault(folder)
    vault.read_ring()
    return vault

"""Give a federation that nobody uses yet another name: its entries are sealed anew, bound to that name."""

from __future__ import annotations

from mip_salt.errors import Damaged
from mip_salt.federation.document import load, put_name
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.vault import session
from mip_salt.vault.entries import FEDERATION
from mip_salt.vault.keyring import Vault


class Once:
    """Ask whoever knows the passphrase until it fits, then say it again without asking."""

    def __init__(self, passphrase: session.Passphrase) -> None:
        self._passphrase, self._said, self._fits = passphrase, "", False

    def __call__(self, attempt: int) -> str:
        """Return the passphrase; attempt counts from 1."""
        if not self._fits:
            self._said = self._passphrase(attempt)
        return self._said

    def new(self) -> str:
        """Make none: the vault is there."""
        raise Damaged("the vault is missing", hint="Take another backup.")

    def fits(self) -> None:
        """Note that what was said opened the vault."""
        self._fits = True


def renamed(folder: Folder, name: str, passphrase: session.Passphrase) -> Folder:
    """Rename a federation; return its folder, which is beside the old one. Killed in between, neither can be used.

    Raises LoginRefused for a wrong passphrase, Damaged or TrustRefused for an entry that does not open.
    """
    federation, once = load(folder), Once(passphrase)
    with session.open_session(folder, once) as vault:
        once.fits()
        entries = {entry: vault.read(entry) for entry in [FEDERATION, *_sealed(folder, federation.ids())]}
    document = put_name(folder.document.read_text("utf-8"), name)
    new = Folder(folder.path.rename(folder.path.with_name(name)))
    write_atomic(new.document, document)
    # The identity's own passphrase lies in an entry that still says the old name: only the vault's key is needed.
    vault = Vault(new)
    try:
        vault.unlock(once(1))
        for entry, told in entries.items():
            vault.write(entry, told)
    finally:
        vault.lock()
    return new


def _sealed(folder: Folder, ids: list[str]) -> list[str]:
    return [name for name in ids if folder.entry(name).is_file()]

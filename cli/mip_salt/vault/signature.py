"""Sign and check a text by the vault's own key: whoever signed it had the passphrase."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mip_salt.errors import Damaged, TrustRefused
from mip_salt.federation.folder import Folder
from mip_salt.vault.gpg import open_gpg, words
from mip_salt.vault.keyring import SILENT, Vault


def sign(vault: Vault, text: bytes) -> bytes:
    """Return the detached signature of a text; the vault is open.

    Raises Damaged if gpg cannot.
    """
    gpg = open_gpg(vault.folder.gnupg)
    signed = gpg.sign(text, keyid=vault.fingerprint, detach=True, extra_args=SILENT)
    if not str(signed):
        raise Damaged("the vault's key could not sign", hint=f"Run: mip-salt -f {vault.folder.name} vault unlock")
    return str(signed).encode()


def check(folder: Folder, text: bytes, signature: bytes, fingerprint: str) -> None:
    """Raise TrustRefused unless a text was signed by one key of a federation's keyring; opens nothing.

    fingerprint
        That of the vault's own key.
    """
    gpg = open_gpg(folder.gnupg)
    with tempfile.NamedTemporaryFile(prefix="mip-", suffix=".asc") as file:
        Path(file.name).write_bytes(signature)
        found = gpg.verify_data(file.name, text)
    signer = words(found).get("VALIDSIG", "").split()[-1:]
    if not found.valid or signer != [fingerprint]:
        raise TrustRefused(
            "its manifest is not signed by the vault's key",
            hint="Someone changed it, or it is another vault's. Take another backup: mip-salt backup list",
        )

"""The federation's own SSH key: useless on disk, its passphrase lies in the vault."""

from __future__ import annotations

from dataclasses import replace

from mip_salt.errors import Damaged, MipError
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.vault.agent import few_rounds
from mip_salt.vault.entries import FEDERATION, Entry
from mip_salt.vault.keyring import Vault

PASSPHRASE = "identity_passphrase"  # noqa: S105 - the name of a field


def make_identity(folder: Folder, vault: Vault) -> None:
    """Make the identity unless it is there; the vault is unlocked.

    Its passphrase is in the vault before the key is on disk, so a crash leaves nothing that cannot be opened.
    """
    if folder.identity.is_file() and folder.identity_public.is_file() and vault.exists():
        return
    import secrets

    import asyncssh

    entry = vault.read(FEDERATION) if vault.exists() else Entry()
    entry = replace(entry, admin={PASSPHRASE: secrets.token_urlsafe(32), **entry.admin})
    vault.write(FEDERATION, entry)
    key = asyncssh.generate_private_key("ssh-ed25519", comment=f"mip-salt:{folder.name}")
    with few_rounds():  # stretching adds nothing to 256 random bits; 16 rounds cost every command 0.2 s (measured)
        sealed = key.export_private_key("openssh", passphrase=entry.admin[PASSPHRASE], rounds=1)
    write_atomic(folder.identity, sealed)
    write_atomic(folder.identity_public, key.export_public_key("openssh"))


def identity_passphrase(folder: Folder, vault: Vault) -> str:
    """Return what opens the identity.

    Raises Damaged if the vault does not have it.
    """
    hint = f"Restore {folder.vault} and {folder.ssh} from a backup."
    try:
        return str(vault.read(FEDERATION).admin[PASSPHRASE])
    except KeyError:
        raise Damaged("the vault does not hold the identity's passphrase", hint=hint) from None
    except MipError as err:
        err.hint = hint if err.exit_code == Damaged.exit_code else err.hint
        raise

"""One command, one session: what it unlocks it locks at its end, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from mip_salt.errors import Damaged, LoginRefused
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.vault import agent, masters
from mip_salt.vault.identity import identity_passphrase, make_identity
from mip_salt.vault.keyring import Vault

TRIES = 3


class Passphrase(Protocol):
    """Whoever knows the vault's passphrase."""

    def __call__(self, attempt: int) -> str:
        """Return it; attempt counts from 1."""

    def new(self) -> str:
        """Return one for a new vault, checked."""


class VaultStatus(NamedTuple):
    """How a vault is."""

    exists: bool
    unlocked: bool
    agent: bool
    entries: list[str]


@contextmanager
def open_session(folder: Folder, passphrase: Passphrase, *, create: bool = False) -> Iterator[Vault]:
    """Open the vault and hold the identity in the private ssh-agent for the time of a ``with``.

    create
        Make the vault and the identity if they are missing.

    Raises LoginRefused after three wrong passphrases, Damaged if the vault or the identity is missing.
    """
    vault = Vault(folder)
    if held(folder, vault):
        _ready(folder, vault)
        yield vault
        return
    folder.unlocked.unlink(missing_ok=True)  # it says no more than that an agent has ended meanwhile
    try:
        _unlock(folder, vault, passphrase, create=create)
        yield vault
    finally:
        lock(folder)


def unlock_for_good(folder: Folder, passphrase: Passphrase) -> None:
    """Open the vault until `lock`, or until the agents' eight hours are over."""
    vault = Vault(folder)
    if not held(folder, vault):
        try:
            _unlock(folder, vault, passphrase, create=False)
        except BaseException:
            lock(folder)
            raise
    else:
        _ready(folder, vault)
    write_atomic(folder.unlocked, "")


def lock(folder: Folder) -> None:
    """Close the vault: no passphrase, no identity is held any more, and no open connection is there to be used."""
    folder.unlocked.unlink(missing_ok=True)
    agent.stop(folder)
    masters.close(folder)
    Vault(folder).lock()


def held(folder: Folder, vault: Vault) -> bool:
    """Say whether `vault unlock` opened the vault; what a killed command left open does not count."""
    return folder.unlocked.is_file() and vault.unlocked()


def status(folder: Folder) -> VaultStatus:
    """Return how the vault is, without opening it."""
    vault = Vault(folder)
    entries = sorted(path.stem for path in folder.entries.glob("*.sls"))
    return VaultStatus(vault.exists(), held(folder, vault), agent.alive(folder), entries)


def _unlock(folder: Folder, vault: Vault, passphrase: Passphrase, *, create: bool) -> None:
    if vault.exists():
        for attempt in range(1, TRIES + 1):
            try:
                vault.unlock(passphrase(attempt))
                break
            except LoginRefused:
                if attempt == TRIES:
                    raise
    elif create:
        secret = passphrase.new()
        vault.create(secret)
        vault.unlock(secret)
    else:
        raise Damaged(
            f"the vault of {folder.name} is missing", hint=f"Begin it with: mip-salt -f {folder.name} configure"
        )
    if create:
        make_identity(folder, vault)
    _ready(folder, vault)


def _ready(folder: Folder, vault: Vault) -> None:
    """Have the ssh-agent hold the identity; its passphrase comes from the open vault."""
    if not agent.alive(folder):
        agent.start(folder, identity_passphrase(folder, vault))

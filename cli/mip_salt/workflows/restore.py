"""Bring a federation back from its archive: made whole beside, checked, then put in its place in one step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mip_salt.archive.read import Head, extract, read_head
from mip_salt.errors import Damaged, MipError, UsageError
from mip_salt.federation.document import load
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder, valid_name
from mip_salt.federation.generate import generated
from mip_salt.federation.journal import note
from mip_salt.federation.lock import locked
from mip_salt.federation.owner import Owner, acting_as, caller, give, make_for, owner_of
from mip_salt.federation.switch import put, swap
from mip_salt.printable import printable
from mip_salt.vault import session
from mip_salt.vault.gpg import AGENT_CONF, GPG_CONF
from mip_salt.vault.sealed import in_clear, vault_fingerprint
from mip_salt.vault.signature import check
from mip_salt.workflows.another_name import renamed
from mip_salt.workflows.backup import backup
from mip_salt.workflows.staging import staging


@dataclass(frozen=True)
class Plan:
    """What a restore would do.

    there
        Whether a folder is at the federation's place already, be it empty.
    replaces
        Whether there is something in it.
    other_vault
        Whether that has another vault than the archive: they are not two states of one federation.
    """

    file: Path
    head: Head
    folder: Folder
    there: bool
    replaces: bool
    other_vault: bool

    @property
    def new_name(self) -> bool:
        """Say whether the federation gets another name than it had."""
        return self.folder.name != self.head.manifest.federation


@dataclass(frozen=True)
class Restored:
    """What a restore did.

    replaced
        The archive of what was there before.
    problem
        Why the one file that tells the federation cannot be used as it is; empty if it can.
    """

    folder: Folder
    replaced: Path | None
    problem: str


def plan(file: Path, root: Path, name: str | None, *, replace: bool) -> Plan:
    """Return what restoring an archive would do; only its head is read.

    name
        Of the federation to be; None means the name it had.

    Raises Damaged if it is no archive, UsageError if something is in the place and is not to be replaced.
    """
    head = read_head(file.absolute())
    folder = Folder(root / valid_name(name or head.manifest.federation))
    folder.check_path()
    there = os.path.lexists(folder.path)
    if there and (folder.path.is_symlink() or not folder.path.is_dir()):
        raise UsageError(f"{folder.path} is not a folder", hint=f"Move it away: mv {folder.path} {folder.path}.old")
    replaces = there and any(folder.path.iterdir())
    if replaces and not replace:
        raise UsageError(
            f"{folder.path} is there already",
            hint="To put the archive in its place (it is backed up before): --replace\n"
            "To restore it under another name: --to NAME",
        )
    with acting_as(owner_of(folder.path) if there else None):
        other = vault_fingerprint(folder) not in ("", head.manifest.vault_key)
    return Plan(file.absolute(), head, folder, there, replaces, other)


def restore(plan: Plan, passphrase: session.Passphrase) -> Restored:
    """Restore a federation: killed at any point, the old one is there or the new one, and the new one is whole.

    passphrase
        Asked only for another name: every entry of the vault is bound to it.

    Raises Damaged or TrustRefused for an archive that is not as it says, and as `backup` does for the old one.
    """
    target = plan.folder
    owner = owner_of(target.path) if plan.there else caller(os.environ)
    with staging(target.path.parent, target.name) as place:
        staged = _staged(plan, place)
        try:
            if plan.new_name:
                staged = renamed(staged, target.name, passphrase)
            problem = _generate(staged, target)
        finally:
            session.lock(staged)
        note(staged, f"restored from {printable(plan.file.name)}, made {plan.head.manifest.made}", result="done")
        make_for(owner, target.backups)
        give(staged.path, owner)
        os.sync()
        if not plan.replaces:
            (swap if plan.there else put)(staged.path, target.path)
            return Restored(target, None, problem)
        with _old_one(target, owner) as replaced:
            swap(staged.path, target.path)
    return Restored(target, replaced, problem)


def _staged(plan: Plan, place: Path) -> Folder:
    """Unpack and check an archive in a folder of its own, under the name it had."""
    staged = Folder(place / plan.head.manifest.federation)
    staged.path.mkdir(mode=0o700)
    head = extract(plan.file, staged.path)
    if head != plan.head:
        raise Damaged(f"{plan.file} changed while it was read", hint="Run it again.")
    staged.make_parts()
    staged.check_private()
    bare = in_clear(staged)
    if bare:
        raise Damaged(
            f"{', '.join(str(path.relative_to(staged.path)) for path in bare)} lies in clear in it",
            hint="mip-salt makes no such archive. Find out who made it.",
        )
    if staged.gnupg.is_dir():
        write_atomic(staged.gnupg / "gpg-agent.conf", AGENT_CONF)
        write_atomic(staged.gnupg / "gpg.conf", GPG_CONF)
    if vault_fingerprint(staged) != head.manifest.vault_key:
        raise Damaged(f"{plan.file} does not hold the vault's key that it names", hint="Take another backup.")
    if head.signature:
        check(staged, head.told, head.signature, head.manifest.vault_key)
    return staged


def _generate(staged: Folder, target: Folder) -> str:
    """Write what is generated, with the paths of the place where it will be; return why it cannot be, if so."""
    try:
        federation = load(staged)
    except MipError as err:
        return err.message.replace(str(staged.path), str(target.path))
    for path, text in generated(target, federation).items():
        write_atomic(staged.path / path.relative_to(target.path), text)
    return ""


@contextmanager
def _old_one(target: Folder, owner: Owner | None) -> Iterator[Path]:
    """Hold the federation that is replaced, closed, and give the archive that is made of it."""
    with ExitStack() as held:
        with acting_as(owner):
            held.enter_context(locked(target, "restore --replace"))
            session.lock(target)
            try:
                kept = backup(target, None).path
            except MipError as err:
                aside = f"{target.path}.old"
                raise Damaged(
                    f"{target.path} cannot be backed up before it is replaced: {err.message}",
                    hint=f"Move it away, then run this again without --replace: mv {target.path} {aside}",
                ) from err
        yield kept

"""Read and change the vault: one entry, one value of it, or its passphrase."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from mip_salt.errors import LoginRefused, MipError, UsageError
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.printable import printable
from mip_salt.vault import session
from mip_salt.vault.entries import FEDERATION, Entry
from mip_salt.vault.keyring import Vault
from mip_salt.vault.strict_yaml import read_entry, write_entry
from mip_salt.vault.values import IDENTITY, PARTS, Path, put_value, refuse_reserved, same
from mip_salt.workflows.private_text import edited, private_folder

HEAD = """\
# The vault's entry {name} of federation {federation}. Save and leave the editor, and it is sealed again.
#   pillar: what Salt gives to the node{nothing}; admin: what Salt never sees.
# Unquoted, only true, false, null and plain numbers are not text: yes, 012345, 1.10 and 2026-01-01 stay as typed.
"""


def entry_name(folder: Folder, name: str) -> str:
    """Return the name of an entry: ``federation``, or a node of the federation.

    Raises UsageError, listing the names, for any other.
    """
    if name == FEDERATION:
        return name
    nodes = load(folder).ids()
    if name not in nodes:
        raise UsageError(
            f"there is no vault entry {printable(name, 80)!r} in {folder.name}",
            hint=f"Its entries: {', '.join([FEDERATION, *nodes])}",
        )
    return name


def set_value(vault: Vault, name: str, path: Path, value: str) -> bool:
    """Put one value in an entry; return whether that changed it.

    Raises UsageError for what may not be changed.
    """
    before = vault.read(name)
    return _write(vault, name, before, put_value(before, path, value))


def edit(vault: Vault, name: str, again: Callable[[UsageError], bool], environ: Mapping[str, str] = os.environ) -> bool:
    """Let the operator edit an entry as YAML, in memory; return whether that changed it.

    again
        Told what is wrong with the text, says whether to open it again as it was left.

    Raises UsageError if the text stays wrong, Damaged if there is no memory to put it in.
    """
    before = vault.read(name)
    secret = {key: value for key, value in before.admin.items() if key == IDENTITY[-1]}
    open_part = replace(before, admin={key: value for key, value in before.admin.items() if key not in secret})
    nothing = " (the federation's own reaches none)" if name == FEDERATION else ""
    head = HEAD.format(name=name, federation=vault.folder.name, nothing=nothing)
    text = head + write_entry({"pillar": open_part.pillar, "admin": open_part.admin})
    with private_folder(vault.folder.path) as folder:
        while True:
            text = edited(folder, f"{vault.folder.name}-{name}.yaml", text, environ)
            try:
                after = _parsed(name, text)
                refuse_reserved(name, open_part, after)
                return _write(vault, name, before, replace(after, admin={**secret, **after.admin}))
            except UsageError as err:
                if not again(err):
                    raise


def passwd(folder: Folder, passphrase: session.Passphrase, new: Callable[[list[str]], str]) -> None:
    """Give the vault another passphrase; open before means open after, locked before means locked after.

    new
        Given what the passphrase must not be, returns the new one, checked.

    Raises LoginRefused after three wrong passphrases; the vault is then locked.
    """
    vault = Vault(folder)
    was_open = session.held(folder, vault)
    done = False
    try:
        old = _proven(vault, passphrase)
        vault.change_passphrase(old, new([old, *_known_words(vault)]))
        done = True
    finally:
        if not (done and was_open):
            session.lock(folder)


def _proven(vault: Vault, passphrase: session.Passphrase) -> str:
    for attempt in range(1, session.TRIES + 1):
        old = passphrase(attempt)
        try:
            vault.unlock(old)
        except LoginRefused:
            if attempt == session.TRIES:
                raise
        else:
            return old
    raise AssertionError  # the loop ends above


def _known_words(vault: Vault) -> list[str]:
    """Return names and kept passwords of the federation, none of which may open its vault."""
    words = [vault.folder.name]
    try:
        nodes = load(vault.folder).nodes
    except MipError:
        return words
    for name, node in nodes.items():
        words += [name, node.hostname or "", node.address]
        try:
            words.append(str(vault.read(name).admin.get("password", "")))
        except MipError:
            continue
    return words


def _parsed(name: str, text: str) -> Entry:
    body = read_entry(text)
    if not isinstance(body, dict) or set(body) != set(PARTS):
        raise UsageError(
            f"entry {name} must have two keys at its top, pillar and admin, and no other",
            hint="Write pillar: {} or admin: {} for an empty one.",
        )
    for part in PARTS:
        if body[part] is None:
            body[part] = {}
        if not isinstance(body[part], dict):
            raise UsageError(f"{part} must be a mapping; an empty one is {{}}", hint=f"For example: {part}: {{}}")
    return Entry(**body)


def _write(vault: Vault, name: str, before: Entry, after: Entry) -> bool:
    refuse_reserved(name, before, after)
    if same([before.pillar, before.admin], [after.pillar, after.admin]):
        return False
    vault.write(name, after)
    return True

"""Write down a confirmed node, or forget one, in the order that a crash cannot break."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mip_salt.errors import Damaged, TrustRefused
from mip_salt.federation import seen
from mip_salt.federation.document import drop_node, load, parse, put_node
from mip_salt.federation.files import remove, write_if_changed
from mip_salt.federation.folder import Folder
from mip_salt.federation.generate import refresh
from mip_salt.federation.journal import note
from mip_salt.federation.model import Federation, Node
from mip_salt.ssh import pins
from mip_salt.ssh.facts import Facts
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.vault import masters
from mip_salt.vault.entries import Entry
from mip_salt.vault.keyring import Vault


def refuse_double(federation: Federation, name: str, *, facts: Facts | None = None, node: Node | None = None) -> None:
    """Raise TrustRefused if another node is this machine, or has this address.

    A cloned machine has the same machine-id, a host added by name and by address the same everything (facts, 16, 17).
    """
    for other_name, other in federation.nodes.items():
        if other_name == name:
            continue
        for what, mine, theirs in (
            ("machine-id", facts and facts.machine_id, other.machine_id),
            ("hostname", facts and facts.hostname, other.hostname),
            (
                "address",
                node and (node.address, node.port, node.bastion),
                (other.address, other.port, other.bastion),
            ),
        ):
            if mine and mine == theirs:
                raise TrustRefused(
                    f"its {what} is the one of {other_name} ({other.hostname})",
                    node=name,
                    hint=f"This is already node {other_name}, or a clone of it. A clone needs a machine-id, host keys "
                    "and a hostname of its own before it can join.",
                )


def refuse_double_key(folder: Folder, federation: Federation, name: str, keys: Sequence[HostKey]) -> None:
    """Raise TrustRefused if another node is pinned to one of these host keys."""
    known = {alias: found for alias, found in pins.read(folder.known_hosts).items() if alias in federation.nodes}
    other = pins.holder(known, keys, name)
    if other:
        raise TrustRefused(
            f"it has a host key of {other} ({federation.nodes[other].hostname})",
            node=name,
            hint=f"This is already node {other}, or a clone of it; nothing was sent. A clone needs keys of its own:\n"
            "rm /etc/ssh/ssh_host_* && ssh-keygen -A, on the clone.",
        )


def record(folder: Folder, vault: Vault, name: str, node: Node, password: str | None) -> None:
    """Write a confirmed and pinned node: vault, then federation.sls, then the roster, which makes it exist.

    password
        To keep in the vault, or None.
    """
    try:
        before = vault.read(name)
    except (Damaged, TrustRefused):  # none yet; or a damaged one, whose secrets are lost already
        before = None
    old = before or Entry()
    mip = {**(old.pillar.get("mip") or {}), "identity": {"hostname": node.hostname, "machine_id": node.machine_id}}
    admin = old.admin if password is None else {**old.admin, "password": password}
    entry = Entry({**old.pillar, "mip": mip}, admin)
    federation = load(folder)
    if entry == before and federation.nodes.get(name) == node:
        return
    if entry != before:
        vault.write(name, entry)
    if name not in federation.nodes or federation.nodes[name].machine_id != node.machine_id:
        seen.forget(folder, name)  # what was seen of another machine
    _rewrite(folder, put_node(folder.document.read_text("utf-8"), name, node))
    note(folder, "confirmed", node=name, result=f"{node.hostname} {node.machine_id}")


def forget(folder: Folder, name: str) -> None:
    """Forget a node: first in federation.sls and roster, so that it is gone whatever happens next."""
    _rewrite(folder, drop_node(folder.document.read_text("utf-8"), name))
    remove(folder.entry(name))
    pins.unpin(folder.known_hosts, name)
    seen.forget(folder, name)
    note(folder, "removed", node=name)


def switch(folder: Folder, name: str, *, on: bool) -> bool:
    """Enable or disable a node; return whether that changed anything."""
    node = load(folder).nodes[name]
    if node.enabled is on:
        return False
    changed = node.model_copy(update={"enabled": on})
    _rewrite(folder, put_node(folder.document.read_text("utf-8"), name, changed))
    note(folder, "enabled" if on else "disabled", node=name)
    return True


def _rewrite(folder: Folder, text: str) -> None:
    federation = parse(text, folder.name)  # what we would not read back is not written
    write_if_changed(folder.document, text)
    refresh(folder, federation)
    masters.close(folder)  # whoever is left, removed or reached otherwise from here on is not reached as before


def drop_strays(folder: Folder) -> None:
    """Remove pins and entries of nodes that a killed run never finished: a node exists only in federation.sls."""
    folder.sweep()
    federation = load(folder)
    with suppress(Damaged):
        for alias in set(pins.read(folder.known_hosts)) - set(federation.nodes):
            pins.unpin(folder.known_hosts, alias)
    for entry in folder.entries.glob("*.sls"):
        if entry.stem not in federation.nodes:
            remove(entry)
    refresh(folder, federation)

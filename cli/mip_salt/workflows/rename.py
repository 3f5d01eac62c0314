"""Give a node's machine a meaningful hostname, and let what was confirmed of it follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mip_salt.errors import Busy, Damaged, LoginRefused, MipError, NodeFailed, TrustRefused, Unreachable, UsageError
from mip_salt.federation.address import valid_hostname
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.federation.journal import note
from mip_salt.federation.model import Federation
from mip_salt.printable import printable
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.run import run
from mip_salt.ssh import openssh
from mip_salt.ssh.facts import Facts
from mip_salt.vault.keyring import Vault
from mip_salt.workflows.record import record

SECONDS = 30.0
FAILURES = (TrustRefused, LoginRefused, Unreachable, Damaged, Busy, NodeFailed)


@dataclass(frozen=True)
class Rename:
    """A hostname to give to a node.

    before
        What its machine is called now.
    done
        Whether the machine has the name already: an earlier run was stopped between machine and record.
    """

    node: str
    before: str
    after: str
    done: bool


def wanted_hostname(federation: Federation, name: str, hostname: str | None) -> str:
    """Return the hostname that a node is to have: the one given, else ``<federation>-<id>``.

    Raises UsageError for one that is no single label, or that another node has.
    """
    wanted = hostname if hostname is not None else f"{federation.federation}-{name}"
    try:
        valid_hostname(wanted)
    except ValueError as err:
        raise UsageError(
            f"{printable(wanted, 80)!r} cannot be a hostname: {err}",
            hint="Give another, such as brain-wk1.",
        ) from None
    if "." in wanted:
        raise UsageError(
            f"{wanted} has dots; a meaningful hostname has none",
            hint="Give the first part alone; the domain stays as /etc/hosts on the machine has it.",
        )
    holder = next((other for other, row in federation.nodes.items() if row.hostname == wanted and other != name), None)
    if holder:
        raise UsageError(
            f"{wanted} is the hostname of {holder}", node=name, hint="Give another: node rename ID HOSTNAME"
        )
    return wanted


def look_before(folder: Folder, name: str, wanted: str) -> Rename:
    """Return what is to be done, once the machine has proven to be the confirmed one.

    It may have the wanted hostname already: then only the record is to follow.

    Raises as openssh.check does, and TrustRefused for any other machine or name.
    """
    federation = load(folder)
    facts = asyncio.run(openssh.check(folder, federation, name, SECONDS))
    _same(federation, name, facts, wanted)
    return Rename(name, federation.nodes[name].hostname or facts.hostname, wanted, facts.hostname == wanted)


def rename(folder: Folder, vault: Vault, todo: Rename, progress: Callable[[str], None]) -> NodeResult:
    """Set the hostname on the machine, prove it by a fresh login, and write it down.

    The federation is held and its vault open. Stopped in between, the same command again finishes: the machine is
    then still known by its host key and machine-id, and has the name that the operator asks for.

    Raises a MipError if the machine could not be renamed, or is not what it should be afterwards; nothing is written
    down then.
    """
    federation, name, wanted = load(folder), todo.node, todo.after
    again = f"mip-salt -f {folder.name} node rename {name} {wanted}"
    if not todo.done:
        progress(f"setting the hostname {wanted}")
        note(folder, "renaming", node=name, result=f"{todo.before} to {wanted}")
        _set(folder, federation, name, wanted)
    progress("logging in again, to see that it has it")
    try:
        facts = asyncio.run(openssh.check(folder, federation, name, SECONDS))
    except MipError as err:
        err.hint, err.command = f"Whether it was renamed is not known. {err.hint}", again
        raise
    _same(federation, name, facts, wanted)
    if facts.hostname != wanted:
        raise NodeFailed(
            f"it still calls itself {facts.hostname}",
            node=name,
            command=again,
            hint="Run it again; if it stays, look on the machine at: hostnamectl status",
        )
    record(folder, vault, name, federation.nodes[name].model_copy(update={"hostname": wanted}), None)
    return NodeResult(name, Kind.CHANGED, facts={"role": str(federation.nodes[name].role), "hostname": wanted})


def _set(folder: Folder, federation: Federation, name: str, wanted: str) -> None:
    asked = run(
        folder, federation, [name], "mip_host.set_hostname", (wanted,), deadline=federation.settings.deadline, jobs=1
    )
    (result,) = asked
    if result.kind in (Kind.OK, Kind.CHANGED):
        return
    if result.kind is Kind.INTERRUPTED:
        raise KeyboardInterrupt
    error = next((each for each in FAILURES if each.kind == str(result.kind)), NodeFailed)
    raise error(result.error, node=name, hint=result.hint, command=result.command)


def _same(federation: Federation, name: str, facts: Facts, wanted: str) -> None:
    """Raise TrustRefused unless a machine is the confirmed one, by its old name or by the new one."""
    node = federation.nodes[name]
    if node.machine_id is None:
        raise TrustRefused(
            "its machine was never confirmed",
            node=name,
            hint=f"mip-salt -f {federation.federation} configure --node {name}",
        )
    if facts.hostname == wanted:
        node = node.model_copy(update={"hostname": wanted})
    openssh.same_machine(name, node, facts, federation=federation.federation)

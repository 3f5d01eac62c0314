"""Make one machine a node: scan, confirm, log in, install the identity, confirm the machine, record it."""

from __future__ import annotations

from collections.abc import Sequence

from mip_salt.errors import LoginRefused, MipError, TrustRefused
from mip_salt.federation.address import join_address
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Node
from mip_salt.questions.wish import Wish
from mip_salt.ssh import openssh, pins
from mip_salt.ssh.facts import Facts
from mip_salt.ssh.first_contact import enrol
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.scan import Target, scan
from mip_salt.workflows.record import record, refuse_double, refuse_double_key
from mip_salt.workflows.seat import Seat, through_bastion

CHECK_SECONDS = 30.0


async def enrol_node(seat: Seat, wish: Wish) -> Facts:
    """Make a machine the node that the operator wishes for; return what it is.

    Raises a MipError and leaves the federation as it was if any step fails.
    """
    folder, access = seat.folder, wish.access
    refuse_double(load(folder), wish.id, node=Node.model_validate(access.model_dump()))
    target = Target(wish.id, access.address, access.port, access.user)
    async with through_bastion(folder, access.bastion) as via:
        keys = seat.confirmed.pop(wish, None)
        if keys is None:
            seat.progress(wish.id, f"asking {join_address(access.address, access.port)} for its host keys")
            keys = confirmed_keys(seat, wish, await scan(target, via=via))
        given: list[str] = []

        def password() -> str | None:
            answer = seat.questions.password(wish)
            given.extend([answer] if answer else [])
            return answer

        try:
            contact = await enrol(
                target,
                keys,
                agent_path=str(folder.agent_socket),
                public_key=folder.identity_public.read_text("utf-8").strip(),
                password=password,
                via=via,
                progress=lambda text: seat.progress(wish.id, text),
            )
        except LoginRefused:
            seat.confirmed[wish] = keys
            raise
    facts = contact.facts
    confirm_machine(seat, wish, facts)
    node = replaced_facts(folder, wish, facts)
    await _pin_and_record(
        seat, wish, node, keys, facts, given[0] if given and seat.questions.keep_password(wish) else None
    )
    return facts


def confirmed_keys(seat: Seat, wish: Wish, offered: Sequence[HostKey]) -> list[HostKey]:
    """Return the host keys to hold the node to: the pinned ones, or those that the operator confirms now."""
    federation = load(seat.folder)
    refuse_double_key(seat.folder, federation, wish.id, offered)
    pinned = pins.read(seat.folder.known_hosts).get(wish.id, []) if wish.id in federation.nodes else []
    if not pinned or wish.replace:
        return seat.questions.confirm_host_keys(wish, offered, pinned)
    same = [key for key in offered if key in pinned]
    if not same or (wish.host_key and wish.host_key not in {key.fingerprint for key in offered}):
        raise changed_key(seat.folder, wish.id, pinned, offered)
    seat.progress(wish.id, "its host key is the confirmed one")
    return same


def changed_key(folder: Folder, name: str, pinned: Sequence[HostKey], offered: Sequence[HostKey]) -> TrustRefused:
    """Return the refusal of a node whose host key is not the pinned one; it shows both."""
    rows = [
        f"  {word} {key.name:8} {key.fingerprint}"
        for word, keys in (("pinned ", pinned), ("offered", offered))
        for key in keys
    ]
    return TrustRefused(
        "its host key is not the confirmed one; nothing was sent\n" + "\n".join(rows),
        node=name,
        hint="Someone may stand between, or answer at this address; or the node was reinstalled. Ask its "
        "administrator for the fingerprint on its console. Only if it is the offered one:\n"
        f"  mip-salt -f {folder.name} node trust {name} --host-key SHA256:…",
    )


def confirm_machine(seat: Seat, wish: Wish, facts: Facts) -> None:
    """Have the operator confirm the machine, unless it is the one confirmed before."""
    federation = load(seat.folder)
    refuse_double(federation, wish.id, facts=facts)
    before = federation.nodes.get(wish.id)
    if before and (before.machine_id, before.hostname) == (facts.machine_id, facts.hostname):
        return
    if before and before.machine_id and not wish.replace:
        raise TrustRefused(
            f"it is not the confirmed machine: {facts.hostname} ({facts.machine_id}) answered,\n"
            f"  confirmed was {before.hostname} ({before.machine_id})",
            node=wish.id,
            hint="If it was renamed or reinstalled: "
            f"mip-salt -f {seat.folder.name} node trust {wish.id} --host-key SHA256:…",
        )
    seat.questions.confirm_machine(wish, facts, before)


def replaced_facts(folder: Folder, wish: Wish, facts: Facts) -> Node:
    """Return the node to record: what was wished for, and what the machine is."""
    before = load(folder).nodes.get(wish.id)
    fields = {**wish.access.model_dump(), "hostname": facts.hostname, "machine_id": facts.machine_id}
    return Node.model_validate({**fields, "enabled": before.enabled if before else True})


async def _pin_and_record(
    seat: Seat, wish: Wish, node: Node, keys: Sequence[HostKey], facts: Facts, keep: str | None
) -> None:
    """Pin, prove that the system's ssh gets in with the roster's options, then write; undo the pin if it does not."""
    folder = seat.folder
    before = pins.read(folder.known_hosts).get(wish.id, [])
    refuse_double_key(folder, load(folder), wish.id, keys)
    pins.pin(folder.known_hosts, wish.id, keys)
    try:
        seat.progress(wish.id, "checking as raw salt-ssh will")
        federation = load(folder)
        with_node = federation.model_copy(update={"nodes": {**federation.nodes, wish.id: node}})
        again = await openssh.check(folder, with_node, wish.id, CHECK_SECONDS)
        openssh.same_machine(wish.id, node, again, federation=folder.name)
        # Another node of the same batch may have been recorded meanwhile.
        refuse_double(load(folder), wish.id, facts=facts, node=node)
        refuse_double_key(folder, load(folder), wish.id, keys)
        record(folder, seat.vault, wish.id, node, keep)
    except BaseException as err:
        if isinstance(err, MipError):  # the roster does not have the node yet
            err.command = f"mip-salt -f {folder.name} configure --node {wish.id}"
        if wish.id not in load(folder).nodes:
            pins.unpin(folder.known_hosts, wish.id)
        elif before:
            pins.pin(folder.known_hosts, wish.id, before)
        raise

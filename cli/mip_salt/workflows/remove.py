"""Remove a node: take it out of the swarm, and the identity off the machine if it answers, then forget it."""

from __future__ import annotations

from mip_salt.errors import MipError, UsageError
from mip_salt.federation.document import load
from mip_salt.federation.generate import refresh
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.ssh import pins
from mip_salt.ssh.leave import leave
from mip_salt.ssh.target import Target
from mip_salt.workflows import in_swarm
from mip_salt.workflows.joining import MASTER
from mip_salt.workflows.record import forget
from mip_salt.workflows.seat import Seat, through_bastion


async def remove_node(seat: Seat, name: str) -> NodeResult:
    """Remove a node; a machine that does not answer is forgotten all the same, and what stays on it is told.

    Returns a result whose ``hint`` says what stays, empty if nothing does.

    Raises UsageError if another node is reached through this one, or it is the master of a swarm that has workers.
    """
    folder = seat.folder
    federation = load(folder)
    node = federation.nodes[name]
    behind = [other for other, row in federation.nodes.items() if row.bastion == name]
    if behind:
        raise UsageError(
            f"{', '.join(behind)} is reached through it",
            node=name,
            hint="Remove that node first, or give it another bastion in pillar/federation.sls.",
        )
    workers = in_swarm.workers(folder, federation, federation.ids())
    if name == MASTER and workers:
        raise UsageError(
            f"{', '.join(workers)} {'is a worker' if len(workers) == 1 else 'are workers'} of its swarm",
            node=name,
            hint="Remove the workers first. Another machine in its place needs no removal: "
            f"mip-salt -f {folder.name} node trust {name} --host-key SHA256:…, and then apply.",
        )
    refresh(folder, federation)
    stays = in_swarm.take_out(folder, federation, name, seat.progress)
    try:
        await clean(seat, name)
    except MipError as err:
        stays.append(
            f"Its machine could not be cleaned ({err.message}). There, take the line that ends in "
            f"mip-salt:{folder.name} from ~{node.user}/.ssh/authorized_keys, and {node.user}'s from "
            "/etc/sudoers.d/mip-salt."
        )
    forget(folder, name)
    return NodeResult(
        name, Kind.CHANGED, hint="\n".join(stays), facts={"role": str(node.role), "hostname": node.hostname or ""}
    )


async def clean(seat: Seat, name: str) -> None:
    """Take the identity, and the sudo rule with it, off a node's machine.

    Raises TrustRefused, LoginRefused, Unreachable or NodeFailed; what was not removed then is still there.
    """
    folder = seat.folder
    node = load(folder).nodes[name]
    async with through_bastion(folder, node.bastion) as via:
        seat.progress(name, "taking the identity off the machine")
        await leave(
            Target(name, node.address, node.port, node.user),
            pins.read(folder.known_hosts).get(name, []),
            agent_path=str(folder.agent_socket),
            public_key=folder.identity_public.read_text("utf-8").strip(),
            via=via,
        )

"""What the workflows of one run share: the folder, the open vault, who answers; and the way through a bastion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mip_salt.errors import TrustRefused
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.questions.wish import Questions, Wish
from mip_salt.ssh import pins
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.login import tunnel
from mip_salt.ssh.target import Target
from mip_salt.vault.keyring import Vault

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection


@dataclass(frozen=True)
class Seat:
    """What every step of one run needs.

    progress
        Called with a node's id and what is being done to it.
    confirmed
        Host keys that the operator confirmed for a wish whose login was then refused: a retry neither asks for them
        again nor scans again, since sshd counts a scan's handshakes as failures too (OpenSSH 9.8, PerSourcePenalties).
    """

    folder: Folder
    vault: Vault
    questions: Questions
    progress: Callable[[str, str], None]
    confirmed: dict[Wish, list[HostKey]] = field(default_factory=dict)


@asynccontextmanager
async def through_bastion(folder: Folder, bastion: str | None) -> AsyncIterator[SSHClientConnection | None]:
    """Give a login to the node through which another one is reached, or None."""
    if not bastion:
        yield None
        return
    node = load(folder).nodes.get(bastion)
    keys = pins.read(folder.known_hosts).get(bastion)
    if node is None or not keys:
        raise TrustRefused(f"its bastion {bastion} is not confirmed yet", hint=f"Configure {bastion} first.")
    async with tunnel(
        Target(bastion, node.address, node.port, node.user), keys, agent_path=str(folder.agent_socket)
    ) as via:
        yield via

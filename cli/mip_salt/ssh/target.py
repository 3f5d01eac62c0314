"""Where a node is, before anything about it is proven."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from mip_salt.federation.address import join_address


@dataclass(frozen=True)
class Target:
    """One machine to speak to.

    id
        The node's id; its host keys are pinned under it.
    address, port, user
        How it is reached and logged in to.
    """

    id: str
    address: str
    port: int = 22
    user: str = "mipadmin"

    @property
    def where(self) -> str:
        """Return address and port as a person reads them."""
        return join_address(self.address, self.port)

    def ssh_command(self, *options: str) -> str:
        """Return the command that an operator can log in with by hand to see the same."""
        return shlex.join(["ssh", *options, "-p", str(self.port), f"{self.user}@{self.address}"])

"""What was tried on one way between two nodes, and what came of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from mip_salt.workflows.preflight.needs import Need

# Sizes that networks have: Ethernet's, and what tunnels of all kinds leave of it (PPPoE, GRE, VXLAN, IPsec, WireGuard).
SIZES = (1492, 1480, 1476, 1460, 1450, 1440, 1430, 1420, 1410, 1400, 1380, 1360, 1340, 1320, 1300, 1280)


@dataclass
class Attempt:
    """One way, tried.

    need
        Which.
    held
        Who holds the port at the target, so that the probe could not; None if the probe does.
    size
        Bytes of the packet that must arrive, for a trial of the path's size; 0 for any.
    whole
        It may not be fragmented.
    token
        What tells its packets from all others.
    outcome
        What the sender was told at once (probe.OUTCOMES); None for nothing.
    source
        From which address something arrived; None if nothing did.
    arrived
        Bytes of the largest packet that arrived.
    """

    need: Need
    held: str | None = None
    size: int = 0
    whole: bool = False
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    outcome: str | None = None
    source: str | None = None
    arrived: int = 0

    @property
    def settled(self) -> bool:
        """Say whether no more can come of it."""
        if self.source is not None and self.arrived >= self.size:
            return True
        if self.need.way.protocol == "tcp":
            return self.outcome is not None and (self.outcome != "connected" or self.held is not None)
        return self.outcome is not None

    def row(self, address: str) -> dict[str, Any]:
        """Return what its sender is told."""
        way = self.need.way
        row: dict[str, Any] = {"token": self.token, "to": address, "protocol": way.protocol, "port": way.port}
        if way.protocol == "tcp":
            row["speak"] = self.held is None
        if self.size:
            row["sizes"] = [self.size, *(size for size in SIZES if size < self.size)] if self.whole else [self.size]
            row["whole"] = self.whole
        return row

"""A hospital's firewall request: what its network team is to open for one node, both ways, and how it is tested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mip_salt.federation.model import Federation
from mip_salt.federation.node_ids import Role
from mip_salt.workflows.page import filled_page
from mip_salt.workflows.preflight.needs import ORDER, Way, between, largest_packet

TEMPLATE = Path(__file__).with_name("firewall_request.md")
BLANK = "_" * 20


def firewall_request(federation: Federation, name: str) -> str:
    """Return the request of a node, in Markdown, with blanks for what only people know.

    Disabled nodes are in it as well: they are left out for a time, and a firewall is opened once.
    """
    node = federation.nodes[name]
    others = [other for other in federation.ids() if other != name]

    def rows(ways: Callable[[str], list[Way]]) -> list[dict[str, str]]:
        found = {way: [other for other in others if way in ways(other)] for way in ORDER}
        return [
            {
                "protocol": way.protocol.upper(),
                "port": str(way.port) if way.port else "none: IP's 50",
                "peers": ", ".join(peers),
                "why": way.why,
            }
            for way, peers in found.items()
            if peers
        ]

    return filled_page(
        TEMPLATE,
        federation=federation.federation,
        id=name,
        role=str(node.role),
        site=node.site,
        hostname=node.hostname,
        address=node.address,
        ssh=node.port,
        bastion=node.bastion or "",
        blank=BLANK,
        swarm=node.role != Role.UI,
        mtu=largest_packet(federation),
        peers=[
            {
                "id": other,
                "role": str(federation.nodes[other].role),
                "address": federation.nodes[other].address,
                "site": federation.nodes[other].site or "",
            }
            for other in others
            if between(federation, name, other) or between(federation, other, name)
        ],
        incoming=rows(lambda other: between(federation, other, name)),
        outgoing=rows(lambda other: between(federation, name, other)),
    )

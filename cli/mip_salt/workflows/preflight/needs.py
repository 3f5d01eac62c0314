"""What must get from which node to which: the ways between the nodes of a federation, and why there are these."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mip_salt.federation.model import Federation
from mip_salt.federation.node_ids import Role

# What an overlay network of the engine sends at most, unless it was made with another size (moby, overlay: maxMTU).
ENGINES_MTU = 1500
# What the web front end publishes on its node (mip-deployment, Federation/docker-compose.yml).
FRONT_END = (80, 443, 8080, 8081, 8089, 8090)


def largest_packet(federation: Federation) -> int:
    """Return the bytes of the largest packet that the swarm's network sends from node to node."""
    return federation.settings.swarm.mtu or ENGINES_MTU


@dataclass(frozen=True)
class Way:
    """A protocol and a port that a firewall has to let through.

    protocol
        ``tcp``, ``udp`` or ``esp``, which has no port: it is a protocol beside them, IP's number 50.
    """

    protocol: str
    port: int
    why: str

    @property
    def name(self) -> str:
        """Return what it is called: ``7946/udp``, ``ESP``."""
        return f"{self.port}/{self.protocol}" if self.port else self.protocol.upper()


JOINING = Way("tcp", 2377, "workers join the swarm, and are told what to run")
FINDING = Way("tcp", 7946, "the swarm's members find each other")
HEARING = Way("udp", 7946, "the swarm's members hear of each other")
NETWORK = Way("udp", 4789, "the swarm's network (VXLAN)")
ENCRYPTION = Way("esp", 0, "its encryption (ESP, IP protocol 50)")
QUERIES = Way("tcp", 9090, "the web front end's queries")
ORDER = (JOINING, FINDING, HEARING, NETWORK, ENCRYPTION, QUERIES)


@dataclass(frozen=True)
class Need:
    """One thing that must get from one node to another."""

    source: str
    target: str
    way: Way


def encrypted(federation: Federation) -> bool:
    """Say whether the swarm's network is encrypted."""
    return federation.settings.swarm.encrypted


def by_task(federation: Federation) -> bool:
    """Say whether exareme finds its keystore by the addresses of its tasks, which takes no IPVS."""
    return federation.settings.stack.keystore.startswith("tasks.")


def between(federation: Federation, source: str, target: str) -> list[Way]:
    """Return the ways that must be open from one node to another."""
    roles = federation.nodes[source].role, federation.nodes[target].role
    ways = {QUERIES} if roles == (Role.UI, Role.MASTER) else set()
    if Role.UI not in roles:
        ways |= {FINDING, HEARING, NETWORK} | ({ENCRYPTION} if encrypted(federation) else set())
    if roles == (Role.WORKER, Role.MASTER):
        ways.add(JOINING)
    return [way for way in ORDER if way in ways]


def needs(federation: Federation, chosen: Collection[str], members: Sequence[str]) -> list[Need]:
    """Return all that must get through between members, where one end is among the chosen nodes."""
    return [
        Need(source, target, way)
        for source in members
        for target in members
        if source != target and (source in chosen or target in chosen)
        for way in between(federation, source, target)
    ]


def listening(federation: Federation, name: str) -> list[Way]:
    """Return the ways on which something arrives at a node, of a full federation."""
    role = federation.nodes[name].role
    ways = {
        Role.MASTER: {JOINING, QUERIES, FINDING, HEARING, NETWORK},
        Role.WORKER: {FINDING, HEARING, NETWORK},
        Role.UI: set(),
    }[role]
    return [way for way in ORDER if way in ways]


def published(federation: Federation, name: str) -> Sequence[int]:
    """Return the ports that a node's own services publish, beside those on which other nodes reach it."""
    return FRONT_END if federation.nodes[name].role == Role.UI else ()


def rounds(wanted: Sequence[Need], members: Sequence[str], width: int) -> list[list[Need]]:
    """Return the needs in rounds: in each, a node sends to at most so many others, and hears from as many.

    width
        Nodes that one sends to in one round.
    """
    place = {name: number for number, name in enumerate(members)}
    found: dict[int, list[Need]] = {}
    for need in wanted:
        distance = (place[need.target] - place[need.source] - 1) % len(members)
        found.setdefault(distance // width, []).append(need)
    return [found[number] for number in sorted(found)]

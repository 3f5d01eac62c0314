"""Say what the trials mean: of each way between two nodes whether it is open, and what to do if it is not."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from mip_salt.federation.model import Federation
from mip_salt.workflows.findings import Level
from mip_salt.workflows.preflight.attempts import Attempt
from mip_salt.workflows.preflight.needs import QUERIES
from mip_salt.workflows.preflight.run import Tried


@dataclass(frozen=True)
class Verdict:
    """How one way from one node to another is.

    way
        ``7946/udp``, ``ESP``, or ``MTU 1500``: how large a packet gets through.
    kind
        In one word for programs; ``open`` if all is well.
    said
        How it is, in words that hold for every pair of nodes alike.
    held
        Who holds the port at the target, if it is not free.
    """

    source: str
    target: str
    way: str
    level: Level
    kind: str
    said: str
    remedy: str = ""
    held: str | None = None


def verdicts(federation: Federation, tried: Tried) -> list[Verdict]:
    """Return how each way is, in the order of the trials."""
    found: list[Verdict] = []
    sizes: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in tried.attempts:
        if attempt.size:
            sizes.setdefault((attempt.need.source, attempt.need.target), []).append(attempt)
        else:
            found.append(_way(federation, tried, attempt))
    shut = {(each.source, each.target) for each in found if each.way == "4789/udp" and each.level is not Level.OK}
    return found + [_size(pair, both) for pair, both in sizes.items() if pair not in shut]


def _way(federation: Federation, tried: Tried, attempt: Attempt) -> Verdict:
    need = attempt.need

    def verdict(level: Level, kind: str, said: str, remedy: str = "") -> Verdict:
        return Verdict(need.source, need.target, need.way.name, level, kind, said, remedy, attempt.held)

    absent = [end for end in (need.source, need.target) if end in tried.failed or end not in tried.ready]
    if attempt.source is not None:
        sender = federation.nodes[need.source].address
        if _address(sender) and sender.partition("%")[0] != attempt.source:
            return verdict(
                Level.WARN,
                "translated",
                f"arrives, but from {attempt.source} instead of {need.source}'s own {sender}",
                "The swarm answers to the address that a node is known by. Have the translation on the way (NAT) taken "
                f"out, or give {need.source} the address that it sends from, in pillar/federation.sls.",
            )
        return verdict(Level.OK, "open", "arrives")
    if absent:
        return verdict(Level.UNKNOWN, "not-tried", f"not tried: {' and '.join(absent)} took no part")
    if attempt.outcome == "connected":
        if attempt.held is not None:
            return verdict(Level.OK, "open", f"answered by {attempt.held or 'what holds the port'}")
        level = Level.OK if need.way == QUERIES else Level.WARN
        return verdict(
            level, "answered", "answered, but by something else than the node itself: a container's port, or a proxy"
        )
    ask = f"What to ask the network team for: mip-salt -f {federation.federation} check --request {need.target}"
    where = federation.nodes[need.target].address
    outcome = attempt.outcome or "silence"
    words = {
        "silence": (Level.FAIL, "nothing arrives" if need.way.protocol != "tcp" else "no answer", ask),
        "refused": (Level.FAIL, f"refused by a firewall, or by another machine at {need.target}'s address", ask),
        "no-route": (
            Level.FAIL,
            f"refused on the way, or no way there ({where})",
            f"On {need.source}: ip route get {where}\n{ask}",
        ),
        "own-firewall": (
            Level.FAIL,
            f"{need.source}'s own firewall does not let it out",
            f"On {need.source}: nft list ruleset, or iptables -S OUTPUT",
        ),
        "unresolved": (
            Level.FAIL,
            f"{need.source} does not know the name {where}",
            "Give the node's IP address in pillar/federation.sls, or have the name put into its DNS.",
        ),
        "unseen": (
            Level.UNKNOWN,
            f"not known: {need.target} does not let root see what arrives (raw sockets)",
            "",
        ),
    }
    level, said, remedy = words.get(
        outcome, (Level.UNKNOWN, f"not known: {need.source} could not send", "Run it again.")
    )
    return verdict(level, outcome, said, remedy)


def _size(pair: tuple[str, str], both: list[Attempt]) -> Verdict:
    """Say how large a packet gets through, once it is known that small ones do."""
    whole, parts = sorted(both, key=lambda attempt: not attempt.whole)
    size = whole.size
    way = f"MTU {size}"
    if whole.arrived >= size:
        return Verdict(*pair, way, Level.OK, "open", f"packets of {size} bytes arrive whole")
    most = f"packets of {whole.arrived} bytes arrive, larger do not" if whole.arrived else "no large packet arrives"
    hint = (
        f"The swarm's network sends up to {size} bytes. Have the way made as wide (VPN and tunnel interfaces), or "
        "fragments let through by every firewall on it."
    )
    if whole.arrived:
        setting = f"settings: {{swarm: {{mtu: {whole.arrived}}}}}"
        hint += f" Or have the network made for the way, before the first apply: {setting}"
    if parts.arrived >= size:
        return Verdict(*pair, way, Level.WARN, "fragments", f"{most}, except in fragments: that costs speed", hint)
    return Verdict(*pair, way, Level.FAIL, "too-large", f"{most}, and fragments neither: transfers would hang", hint)


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True

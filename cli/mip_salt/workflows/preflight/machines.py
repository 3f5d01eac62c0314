"""What is to be said of each node by itself: how it is, its ports, and what its kernel can do."""

from __future__ import annotations

from collections.abc import Iterator

from mip_salt.errors import MipError, NodeFailed
from mip_salt.federation.model import Federation
from mip_salt.federation.node_ids import Role
from mip_salt.ssh.probe import Ready
from mip_salt.workflows.findings import Finding, Level, findings, troubles
from mip_salt.workflows.node_check import step_of
from mip_salt.workflows.preflight.needs import QUERIES, by_task, encrypted, listening, published
from mip_salt.workflows.preflight.run import Tried

# Whom a port of the federation may be held by: the engine, the kernel for it, or what it publishes a container with.
ENGINE, CONTAINERS = {"dockerd", "kernel"}, {"docker-proxy", "dockerd"}
# What a probe cannot do without (findings.py): if it is missing, why the probe failed is said already.
NEEDED = ("sudo", "python3")
KERNEL = "Install its distribution's standard kernel (Debian: linux-image-amd64; Ubuntu: linux-modules-extra-*)."


def machine(federation: Federation, tried: Tried, name: str) -> list[Finding]:
    """Return what is found of one node, in the order in which an operator would look."""
    found = []
    if name in tried.sightings:
        sighting = tried.sightings[name]
        found += [_strict(federation, name, each) for each in troubles(federation, name, sighting)]
        well = (Level.OK, Level.UNKNOWN)
        found += [each for each in findings(federation, name, sighting) if each.level in well]
    told = any(each.level is Level.FAIL and each.what in NEEDED for each in found)
    if name in tried.failed and not told:
        found.append(_failure(tried.failed[name]))
    ready = tried.ready.get(name)
    if ready:
        found += [*_ports(federation, name, ready), *_kernel(federation, name, ready)]
    return found


def _strict(federation: Federation, name: str, found: Finding) -> Finding:
    """Return a finding with what is worse before a swarm than day by day: a hostname with dots names no service."""
    if found.what == "hostname" and found.level is Level.WARN and federation.nodes[name].role != Role.UI:
        return found._replace(level=Level.FAIL, said=f"{found.said}; and no service of the swarm may be called so")
    return found


def _failure(err: MipError) -> Finding:
    """Return why a node took no part; one that let us in, and did not do its work, is told as just that."""
    what = "probe" if isinstance(err, NodeFailed) else step_of(err)
    return Finding(what, Level.FAIL, err.message, err.hint, kind=err.kind)


def _ports(federation: Federation, name: str, ready: Ready) -> Iterator[Finding]:
    """Tell who holds a port that the federation needs on a node; one line for those that are as they should be."""
    wanted = {way.name: CONTAINERS if way == QUERIES else ENGINE for way in listening(federation, name)}
    wanted |= {f"{port}/tcp": CONTAINERS for port in published(federation, name)}
    well = []
    for place, may in wanted.items():
        who = ready.held.get(place)
        if who is None or who in may:
            well.append(f"{place} {who or 'free'}")
        elif not who:
            yield Finding("ports", Level.UNKNOWN, f"{place} is held, by what cannot be told")
        else:
            port = place.partition("/")[0]
            yield Finding(
                "ports",
                Level.FAIL,
                f"{place} is held by {who}",
                f"The federation needs it. Have {who} stopped, or moved away. On it: ss -tulpn | grep :{port}"
                + ("\nIf that is another check, run this again when it is done." if who.startswith("python") else ""),
            )
    if well:
        yield Finding("ports", Level.OK, ", ".join(well))


def _kernel(federation: Federation, name: str, ready: Ready) -> Iterator[Finding]:
    """Tell what the kernel of a swarm's member lacks."""
    if federation.nodes[name].role == Role.UI:
        return
    esp = (Level.FAIL, "nothing gets through an encrypted network")
    ipvs = (Level.FAIL, "no service is reached by its one address")
    if not encrypted(federation):
        esp = (Level.OK, "not needed, as swarm.encrypted is false")
    if by_task(federation):
        ipvs = (Level.OK, "not needed, as stack.keystore names tasks")
    needed = {
        "vxlan": ("VXLAN", Level.FAIL, "no swarm network at all"),
        "esp": ("ESP with AES-GCM", *esp),
        "ipvs": ("IPVS", *ipvs),
    }
    well = []
    for feature, (called, level, means) in needed.items():
        why = ready.kernel[feature]
        if not why:
            well.append(called)
        elif why.startswith("?"):
            yield Finding("kernel", Level.UNKNOWN, f"whether it has {called} is unknown: {why[1:].strip()}")
        else:
            yield Finding("kernel", level, f"has no {called} ({why}): {means}", "" if level is Level.OK else KERNEL)
    if well:
        yield Finding("kernel", Level.OK, f"has {', '.join(well)}")

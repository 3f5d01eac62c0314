"""Federations whose ways were tried, for tests of what is made of it."""

from mip_salt.federation.model import Federation
from mip_salt.federation.seen import Sighting
from mip_salt.ssh.probe import Ready
from mip_salt.workflows.preflight.attempts import Attempt
from mip_salt.workflows.preflight.needs import HEARING, Need, needs
from mip_salt.workflows.preflight.report import report_of
from mip_salt.workflows.preflight.run import Tried
from unit.sightings import WELL

NOTHING_MISSING = {"vxlan": "", "esp": "", "ipvs": ""}


def federation(workers=2, **changes):
    nodes = {
        "ms": {"role": "master", "address": "10.0.0.11", "hostname": "brain-ms"},
        "ui": {"role": "ui", "address": "10.0.0.12"},
        **{f"wk{n}": {"role": "worker", "address": f"10.0.0.{20 + n}"} for n in range(1, workers + 1)},
    }
    for name, change in changes.items():
        nodes[name] |= change
    return Federation.model_validate({"federation": "brain", "nodes": nodes})


BRAIN = federation()
IDS = BRAIN.ids()


def sighting(**changes):
    return Sighting(**{**WELL, **changes})


def tried(attempts=(), *, brain=BRAIN, failed=None, ready=None, **sightings):
    members = brain.ids()
    well = {name: Ready(True, {}, NOTHING_MISSING) for name in members if name not in (failed or {})}
    return Tried(members, members, sightings, {**well, **(ready or {})}, failed or {}, list(attempts), 1.25)


def arrived(source, target, way, **more):
    address = BRAIN.nodes[source].address
    return Attempt(Need(source, target, way), source=address, arrived=more.pop("arrived", 100), **more)


def silent(source, target, way=HEARING, **more):
    return Attempt(Need(source, target, way), **more)


def told_of(attempts, brain=BRAIN, **about):
    return report_of(brain, tried(attempts, brain=brain, **about))


def everything(brain=BRAIN, but=()):
    """Return trials of every way, each open but those that are shut."""
    shut = set(but)
    return [
        silent(need.source, need.target, need.way)
        if (need.source, need.target, need.way.name) in shut
        else Attempt(need, source=brain.nodes[need.source].address, arrived=100)
        for need in needs(brain, brain.ids(), brain.ids())
    ]

"""Install a version, and look at what came of it."""

from mip_salt.federation.document import load
from mip_salt.versions.kept import installed
from mip_salt.versions.source import EXAREME, MIP, source_of
from mip_salt.versions.wanted import Ref, Wanted, choose
from mip_salt.workflows import install as work

NEW = "Federated-Deployment/docker-swarm/Compose-Files"
OLD = "Federated-Deployment/Compose-Files"


def install(folder, upstreams, version=None, *, wanted=None, follow=False, heard=None):
    mip, exareme = (source_of(project, str(where)) for project, where in zip((MIP, EXAREME), upstreams, strict=True))
    wanted = wanted or Wanted((Ref("version", version),) if version else ())
    with work.upstreams(mip, exareme, lambda name, at: heard.append((name, at)) if heard is not None else None) as both:
        choice = choose(wanted, work.to_follow(folder) if follow else None, *both)
        return work.install(folder, choice.pair, *both), choice.notes


def pair(kind, exareme, mip):
    return Wanted((Ref(kind, exareme),), (Ref(kind, mip),), unstable=True)


def files(folder):
    root = folder.exareme
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in found if ".git" not in path.parts}


def whole(folder):
    """The version in use, once it is certain that it is whole and written down."""
    now = installed(folder)
    assert work.faults(folder, now) == []
    assert load(folder).versions.model_dump() == now.versions
    return str(now)

"""Deploy, start, stop or restart what runs on a federation: which nodes work on it, in which order, by which states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mip_salt.errors import UsageError
from mip_salt.federation.folder import Folder
from mip_salt.federation.node_ids import Role
from mip_salt.remote.run import Session
from mip_salt.workflows.apply import Applied, Event, Work
from mip_salt.workflows.joining import MASTER, Phase

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

DEPLOYED = "mip.service.deployed"
# What is done to exareme's stacks on the master, to Portainer there, and to the web front end: files of states.
STATES = {
    "start": ("mip.stacks", "mip.portainer", "mip.ui"),
    "stop": ("mip.stacks.stopped", "mip.portainer.stopped", "mip.ui.stopped"),
    "restart": ("mip.stacks.restarted", "mip.portainer.restarted", "mip.ui.restarted"),
}


@dataclass(frozen=True)
class Wish:
    """What the operator asks for.

    verb
        ``deploy``, ``start``, ``stop`` or ``restart``.
    nodes
        Ids of those that it is about; none for all.
    exareme
        Whether it is about exareme and the web front end.
    portainer
        ``plain`` or ``secure`` if it is about Portainer, else empty.
    """

    verb: str
    nodes: tuple[str, ...] = ()
    exareme: bool = True
    portainer: str = ""


@dataclass(frozen=True)
class Plan:
    """What is done for it.

    stacks
        Ids of the nodes whose stacks it is about.
    ui
        Id of the ui, if it is about the web front end there; else empty.
    skipped
        Ids of disabled nodes that it would be about.
    """

    wish: Wish
    stacks: tuple[str, ...]
    ui: str
    skipped: tuple[str, ...]

    @property
    def pillar(self) -> dict[str, Any]:
        """Return what the states find in their pillar of it."""
        told = {"exareme": bool(self.stacks), "portainer": self.wish.portainer}
        # Without a choice the states are about every stack: a stop about those of disabled nodes too.
        return {"service": {**told, "nodes": list(self.stacks)} if self.wish.nodes else told}

    @property
    def on_master(self) -> bool:
        """Say whether the master works on it."""
        return bool(self.stacks or self.wish.portainer)


def plan(folder: Folder, federation: Federation, wish: Wish) -> Plan:
    """Return what a wish comes to.

    Raises UsageError for what makes no sense, with what to do instead; no node was asked then.
    """
    wish = _with_portainer(folder, federation, wish)
    chosen = wish.nodes or tuple(federation.ids())
    disabled = tuple(name for name in chosen if not federation.nodes[name].enabled)
    # What is disabled may well be stopped: the master does that.
    left = [name for name in chosen if name not in disabled or (wish.verb == "stop" and name not in (MASTER, "ui"))]
    stacks = tuple(name for name in left if wish.exareme and federation.nodes[name].role != Role.UI)
    ui = next((name for name in left if wish.exareme and federation.nodes[name].role == Role.UI), "")
    found = Plan(wish, stacks, ui, disabled)
    if not (found.on_master or ui):
        raise UsageError(
            "all nodes chosen are disabled" if chosen else f"federation {folder.name} has no nodes yet",
            hint=f"Let them in again: mip-salt -f {folder.name} node enable {' '.join(disabled)}"
            if chosen
            else f"Add them: mip-salt -f {folder.name} configure",
        )
    _refuse_without_master(folder, federation, found)
    _refuse_unconfirmed(folder, federation, found)
    return found


def _with_portainer(folder: Folder, federation: Federation, wish: Wish) -> Wish:
    """Return a wish with Portainer, where the settings say that this federation has it and all of it is started."""
    setting = federation.settings.portainer
    if not wish.exareme and not wish.portainer:
        raise UsageError(
            "no service selected: without exareme there is only Portainer",
            hint="Add --with-portainer or --with-secure-portainer, or leave --without-exareme out.",
        )
    if not wish.exareme and wish.nodes and MASTER not in wish.nodes:
        raise UsageError("Portainer runs on the master, which is not chosen", hint="Leave --node out.")
    if wish.portainer == "secure" and not setting.domain:
        raise UsageError(
            "a secure Portainer needs a domain, and the federation names none",
            hint=f"Write it into {folder.document}, under mip, settings: portainer: {{domain: mip.hospital.example}}\n"
            "Its certificate must lie on the master, in /etc/letsencrypt/live.",
        )
    whole = wish.verb in ("deploy", "start") and wish.exareme and not wish.nodes
    if whole and setting.enabled and not wish.portainer and federation.nodes.get(MASTER):
        return replace(wish, portainer="secure" if setting.domain else "plain")
    return wish


def _refuse_without_master(folder: Folder, federation: Federation, found: Plan) -> None:
    if not found.on_master:
        return
    master = federation.nodes.get(MASTER)
    if master is None or not master.enabled:
        raise UsageError(
            f"what runs on the nodes is the master's work, and {MASTER} is {'disabled' if master else 'not there'}",
            hint=f"mip-salt -f {folder.name} {f'node enable {MASTER}' if master else 'configure'}; or only --node ui",
        )
    workers = [name for name in federation.enabled() if federation.nodes[name].role == Role.WORKER]
    others = [name for name in workers if name not in found.stacks]
    if found.wish.verb == "stop" and MASTER in found.stacks and others:
        raise UsageError(
            f"without their master {', '.join(others)} would start again and again, and find nothing",
            hint=f"Stop all: mip-salt -f {folder.name} service stop\n"
            f"Or restart it: mip-salt -f {folder.name} service restart --node {MASTER}",
        )


def _refuse_unconfirmed(folder: Folder, federation: Federation, found: Plan) -> None:
    unnamed = [name for name in found.stacks if found.wish.nodes and not federation.nodes[name].hostname]
    if unnamed:
        raise UsageError(
            f"the hostname of {', '.join(unnamed)} was never confirmed, and exareme's stack there is called by it",
            hint=f"mip-salt -f {folder.name} configure --node {unnamed[0]}",
        )


def phases_of(found: Plan) -> list[Phase]:
    """Return what is done for a start, stop or restart, in order: the master before the ui; a stop in reverse."""
    verb = found.wish.verb
    stacks, portainer, ui = STATES[verb]
    names = ", ".join(found.stacks)
    todo = [
        Phase("stacks", f"{verb}s exareme of {names}", stacks, (MASTER,) if found.stacks else ()),
        Phase("portainer", f"{verb}s Portainer", portainer, (MASTER,) if found.wish.portainer else ()),
        Phase("ui", f"{verb}s the web front end", ui, (found.ui,) if found.ui else ()),
    ]
    kept = [phase for phase in todo if phase.nodes]
    return kept[::-1] if verb == "stop" else kept


def serve(
    folder: Folder,
    federation: Federation,
    found: Plan,
    *,
    again: str,
    test: bool = False,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Applied:
    """Do what a plan says.

    again
        The command that does it again: raw salt-ssh would not know which nodes it is about.
    test
        Say what would change, and change nothing.

    The federation is held, its generated files are fresh, and its vault is open. Raises what ``run`` raises before any
    node is asked.
    """
    for name in found.skipped:
        if name not in found.stacks:
            on_event(Event("skipped", name))
    with Session(folder, federation, jobs=federation.settings.jobs) as session:
        work = Work(session, test=test, on_event=on_event, pillar=found.pillar, again=again)
        if found.wish.verb != "deploy":
            return work.in_order(phases_of(found), regardless=found.wish.verb == "stop")
        return work.all(_working(found), (DEPLOYED,), found.stacks if found.wish.nodes else ())


def _working(found: Plan) -> Sequence[str]:
    """Return the nodes that a deploy runs on: the master, workers that may have to join, the ui."""
    master = (MASTER,) if found.on_master else ()
    return [*master, *([found.ui] if found.ui else []), *(name for name in found.stacks if name != MASTER)]

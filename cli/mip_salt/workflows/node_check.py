"""Look at one node closely, without Salt: from the network up to its engine, each thing with its remedy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.errors import Damaged, MipError, TrustRefused, Unreachable
from mip_salt.federation import seen
from mip_salt.federation.address import join_address
from mip_salt.federation.folder import Folder
from mip_salt.ssh import pins
from mip_salt.ssh import reach_words as words
from mip_salt.workflows.findings import Finding, Level, findings
from mip_salt.workflows.status import ask

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation, Node

CONNECT_SECONDS = 10.0
STEPS = ("reachable", "host key", "login", "machine")


def check_node(folder: Folder, federation: Federation, name: str, agent: Path | None) -> Iterator[Finding]:
    """Yield what is found, each as it is found; nothing is asked after a step that everything else needs.

    agent
        Socket of the ssh-agent that holds the identity.

    What was seen is remembered, as `status` does.

    Raises Damaged if a file on this machine is missing or damaged.
    """
    node = federation.nodes[name]
    reached = asyncio.run(_reached(node))
    if reached:
        yield reached
        if reached.level is Level.FAIL:
            return
    started = time.monotonic()
    try:
        sighting = ask(folder, federation, name, agent)
    except Damaged:  # a file on this machine, not the node
        raise
    except MipError as err:
        yield from _refusal(folder, node, name, err, known=reached is not None)
        return
    seconds = time.monotonic() - started
    if not reached:
        yield Finding("reachable", Level.OK, f"through {node.bastion}")
    yield _host_key(folder, name)
    yield Finding("login", Level.OK, f"as {node.user}, with the identity, {seconds:.1f} s for it all")
    yield Finding("machine", Level.OK, f"the confirmed one ({node.machine_id})")
    yield from findings(federation, name, sighting)
    seen.note(folder, sightings={name: sighting})


async def _reached(node: Node) -> Finding | None:
    """Return whether its port answers; None for one behind a bastion, where only ssh gets to."""
    if node.bastion:
        return None
    where, started = join_address(node.address, node.port), time.monotonic()

    def no(why: str, remedy: str) -> Finding:
        return Finding("reachable", Level.FAIL, f"{where}: {why}", remedy, kind="unreachable")

    try:
        opened = asyncio.open_connection(node.address, node.port)
        _, writer = await asyncio.wait_for(opened, CONNECT_SECONDS)
    except asyncio.TimeoutError:
        return no(words.SILENT, words.FIREWALL)
    except ConnectionRefusedError:
        return no(words.REFUSED, words.PORT)
    except OSError as err:
        unresolved = err.errno is None or err.errno < 0  # getaddrinfo's own numbers (Linux)
        return no(words.UNRESOLVED, words.CHECK_NAME) if unresolved else no(words.NO_ROUTE, words.NETWORK)
    writer.close()
    return Finding("reachable", Level.OK, f"{where}, in {1000 * (time.monotonic() - started):.0f} ms")


def _host_key(folder: Folder, name: str) -> Finding:
    """Say which key it proved to have: ssh let nothing through but a pinned one."""
    try:
        keys = pins.read(folder.known_hosts).get(name, [])
    except Damaged:
        keys = []
    return Finding("host key", Level.OK, f"a confirmed one, {keys[0].name} {keys[0].fingerprint}" if keys else "pinned")


def _refusal(folder: Folder, node: Node, name: str, err: MipError, *, known: bool) -> Iterator[Finding]:
    """Yield the steps that went well before an error, and then the error."""
    at = STEPS.index(step_of(err))
    if not known and at > 0:
        yield Finding("reachable", Level.OK, f"through {node.bastion}")
    if at > 1:
        yield _host_key(folder, name)
    if at > 2:
        yield Finding("login", Level.OK, f"as {node.user}, with the identity")
    yield Finding(STEPS[at], Level.FAIL, err.message, err.hint, kind=err.kind)


def step_of(err: MipError) -> str:
    """Return which of the first steps an error belongs to; those before it went well."""
    if isinstance(err, TrustRefused):
        return "host key" if "host key" in err.message else "machine"
    return "reachable" if isinstance(err, Unreachable) else "login"

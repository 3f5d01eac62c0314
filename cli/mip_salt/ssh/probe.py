"""Run the probe on a node, and take from it only what a probe may say."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from mip_salt.errors import NodeFailed
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.printable import printable
from mip_salt.ssh.dialogue import Dialogue
from mip_salt.ssh.node.probe import MARK
from mip_salt.ssh.openssh import tried_of
from mip_salt.ssh.program import script_of, sent

FILES = ("host", "probe")
# What reading anything else than a probe's words raises.
NONSENSE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
TOKEN = re.compile(r"[0-9a-f]{32}\Z")
OUTCOMES = ("connected", "refused", "silence", "no-route", "own-firewall", "unresolved", "failed")
PLACE = re.compile(r"[0-9]{1,5}/(tcp|udp)\Z")
FEATURES = ("vxlan", "esp", "ipvs")


@dataclass(frozen=True)
class Ready:
    """What a probe says first.

    raw
        Whether it sees what arrives: without, only connections can be tried to this node.
    held
        Who holds ports that it should listen on or find free (``7946/udp``: ``dockerd``): a program's name,
        ``kernel``, or an empty text if that cannot be told.
    kernel
        For ``vxlan``, ``esp`` and ``ipvs``: empty if the kernel has it, else why not; with a ``?`` first if it could
        not be tried.
    """

    raw: bool
    held: dict[str, str]
    kernel: dict[str, str]


@dataclass(frozen=True)
class Arrived:
    """Something arrived at a node: whose, from which address, and how large its packet was."""

    token: str
    source: str
    size: int


@dataclass(frozen=True)
class Sent:
    """What a sender was told at once, by a word of OUTCOMES; silence tells it nothing of a datagram."""

    token: str
    outcome: str


Said = Ready | Arrived | Sent


class Probe:
    """One probe on one node."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue

    @classmethod
    async def begin(cls, folder: Folder, federation: Federation, name: str, order: dict[str, Any]) -> Probe:
        """Start the probe on a node.

        order
            ``run`` (16 of 0-9 and a-f, the run's own), ``seconds`` after which it ends by itself, ``listen`` (the
            ports to hold, each a protocol and a number) and ``free`` (those to find free).

        Raises Damaged if there is no ssh on this machine.
        """
        tried = tried_of(folder, federation, name)
        probe = cls(await Dialogue.begin(tried, script_of(federation.nodes[name])))
        await probe._dialogue.say(sent(FILES, order))
        return probe

    async def send(self, rows: Sequence[dict[str, Any]]) -> None:
        """Have it send: each row a ``token``, where ``to``, a ``protocol``, a ``port`` and more (node/probe.py)."""
        await self._dialogue.say(json.dumps({"send": list(rows)}).encode() + b"\n")

    async def said(self) -> AsyncIterator[Said]:
        """Yield what it says, until it is ended.

        Raises what a Dialogue's lines do, and NodeFailed for anything that no probe says.
        """
        async for line in self._dialogue.lines():
            if not line.startswith(MARK):
                continue  # a login shell's start-up files may print
            try:
                yield parse(line[len(MARK) :])
            except NONSENSE:
                raise NodeFailed(
                    f"its probe said what no probe says: {printable(line, 80)!r}",
                    node=self._dialogue.tried.name,
                    hint="It is not an honest machine, or its Python is not sound. Look at it by hand.",
                    command=self._dialogue.tried.command,
                ) from None

    async def end(self) -> None:
        """End it, and all that it held."""
        await self._dialogue.end()


def parse(line: bytes) -> Said:
    """Return one thing that a probe says; every text in it is bounded and inert.

    Raises one of NONSENSE for anything else.
    """
    told = json.loads(line)
    ((what, body),) = told.items()
    if what == "ready":
        held, kernel = body["held"], body["kernel"]
        if len(held) > 64 or not all(PLACE.match(place) for place in held):
            raise ValueError
        return Ready(
            raw=body["raw"] is True,
            held={place: printable(_text(who), 32) for place, who in held.items()},
            kernel={feature: printable(_text(kernel[feature]), 160) for feature in FEATURES},
        )
    token = _text(body["token"])
    if not TOKEN.match(token):
        raise ValueError
    if what == "arrived":
        source, size = str(ipaddress.ip_address(_text(body["source"]))), body["size"]
        if type(size) is not int or not 0 < size <= 65575:
            raise ValueError
        return Arrived(token, source, size)
    if what == "sent" and body["outcome"] in OUTCOMES:
        return Sent(token, body["outcome"])
    raise ValueError


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value

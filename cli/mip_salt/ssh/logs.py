"""One log of a node: its program begun there, and what it says taken in bounds, each text of it inert."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mip_salt.errors import NodeFailed, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.printable import printable
from mip_salt.ssh.dialogue import Dialogue
from mip_salt.ssh.node.engine import PIECE
from mip_salt.ssh.node.logs import MARK
from mip_salt.ssh.openssh import tried_of
from mip_salt.ssh.program import script_of, sent

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\Z")
COLOURS = re.compile(r"\x1b\[[0-9;:]{0,40}m")
# What becomes of a container, and of its engine.
WORDS = ("none", "ended", "again", "gone", "silent", "refused")
# Seconds: without a word while it tells what was, and between two of ours that we still listen (node/logs.py, HEARD).
MUTE, BEAT = 30.0, 30.0
# A node that has gone is noticed within 45 s.
ALIVE = ("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3")


@dataclass(frozen=True)
class Record:
    """One record of a log: when by the node's own clock, on stdout (``out``) or stderr (``err``), and inert text."""

    stamp: str
    stream: str
    text: str


@dataclass(frozen=True)
class Note:
    """What became of a container: one of WORDS, and its exit code or inert text."""

    word: str
    more: str = ""


@dataclass(frozen=True)
class Caught:
    """All that was there is told; what follows is new."""


Said = Record | Note | Caught


def parse(line: bytes) -> Said:
    """Return one thing that the program says; raise ValueError for anything else.

    line
        Without its mark.
    """
    kind, _, rest = line.partition(b" ")
    first, _, text = rest.partition(b" ")
    if kind == b"h":
        return Caught()
    if kind == b"n" and first.decode("ascii", "replace") in WORDS:
        return Note(first.decode(), printable(text))
    if kind in (b"o", b"e") and STAMP.match(first):
        return Record(first.decode(), "out" if kind == b"o" else "err", inert(text))
    raise ValueError


def inert(text: bytes) -> str:
    """Return a line of a log as one that does nothing to a terminal; tabs are blanks, and colours are left out."""
    shown = text[:PIECE].decode("utf-8", "replace").rstrip("\r")
    return printable(COLOURS.sub("", shown).expandtabs(4), PIECE)


async def read(
    folder: Folder,
    federation: Federation,
    name: str,
    order: dict[str, Any],
    *,
    agent: Path | None,
    more: Sequence[str] = (),
) -> AsyncGenerator[Said, None]:
    """Yield what the program on a node says; with ``follow`` in its order, without end.

    order
        As of node/logs.py.
    agent
        Socket of the ssh-agent that holds the identity.
    more
        Arguments of ssh that go before the roster's.

    Whoever stops reading closes it: then nothing is left on the node. Raises Unreachable, LoginRefused or TrustRefused
    as ssh ends, NodeFailed for what no program of ours says.
    """
    tried = tried_of(folder, federation, name)
    script = script_of(federation.nodes[name])
    dialogue = await Dialogue.begin(tried, script, agent=agent, more=[*ALIVE, *more])
    listener = _Listener(dialogue)
    count = 0
    try:
        await dialogue.say(sent(("engine", "logs"), order))
        async for line in dialogue.lines(float("inf")):
            listener.heard = True
            if not line.startswith(MARK):
                continue  # a login shell's start-up files may print
            try:
                said = parse(line[len(MARK) :])
                count += isinstance(said, Record)
                if count > order["limit"] and not listener.caught:
                    raise ValueError
            except ValueError:
                raise NodeFailed(
                    f"its log's reader said what none says: {printable(line, 80)!r}",
                    node=name,
                    hint="It is not an honest machine, or its Python is not sound. Look at it by hand.",
                    command=tried.command,
                ) from None
            listener.caught = listener.caught or isinstance(said, Caught)
            listener.waits = False
            yield said
            listener.waits = True
            if listener.caught and not order["follow"]:
                return
    except Unreachable:
        if listener.mute:
            raise Unreachable(
                f"no word of its log in {MUTE:.0f} s; gave up", node=name, hint="See by hand what keeps it."
            ) from None
        raise
    finally:
        listener.end()
        await dialogue.end()


class _Listener:
    """See that a program that is to tell what was is not mute, and tell it that it is still heard."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.heard = self.caught = self.mute = False
        self.waits = True
        self._dialogue = dialogue
        self._tasks = [asyncio.ensure_future(work()) for work in (self._beat, self._watch)]

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            await self._dialogue.say(b"\n")

    async def _watch(self) -> None:
        silent = 0
        while not self.caught and silent < 2:  # in halves: where we ourselves stood still, the first ends at once
            self.heard = False
            await asyncio.sleep(MUTE / 2)
            silent = silent + 1 if self.waits and not self.heard else 0
        if not self.caught:
            self.mute = True
            self._dialogue.kill()

"""Read the ssh config that `mip … configure pusher` writes: one block a node, in order, ``#Host`` for a disabled one.

The block's first word is the node's id, its last the hostname that the machine had when it was configured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mip_salt.federation.node_ids import NODE_ID
from mip_salt.incumbent.flaws import Flaws
from mip_salt.printable import printable

MOST_LINE = 2000
# `mip … node disable` puts a # before Host and nothing else; "# Host of …" is somebody's comment.
HOST = re.compile(r"\s*(?P<off>#?)Host[ \t]+(?P<names>.*\S)\s*\Z", re.IGNORECASE)
PAIR = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*\S)\s*\Z")
TAKEN = {"hostname", "user", "port"}
IGNORED = {"identityfile", "stricthostkeychecking", "userknownhostsfile"}


@dataclass(frozen=True)
class Block:
    """One node as the ssh config tells it.

    names
        The words after ``Host``.
    values
        Keyword in lower case → value and line.
    """

    line: int
    names: tuple[str, ...]
    disabled: bool
    values: dict[str, tuple[str, int]]

    @property
    def id(self) -> str:
        """Return the node's id, or an empty text if no word, or several, are one."""
        ids = [name for name in self.names if NODE_ID.match(name)]
        return ids[0] if len(ids) == 1 else ""

    @property
    def hostname(self) -> str:
        """Return the hostname the incumbent found, or an empty text: a single word may be the id alone."""
        return self.names[-1] if len(self.names) > 1 and self.names[-1] != self.id else ""

    def value(self, keyword: str) -> str:
        """Return a keyword's value, empty if it has none."""
        return self.values.get(keyword, ("", 0))[0]


def parse(text: str, flaws: Flaws) -> list[Block]:
    """Return the nodes of an ssh config, as they stand in it.

    flaws
        Takes what cannot be read, and what was not taken.
    """
    blocks: list[Block] = []
    within = False  # a block whose settings are taken
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MOST_LINE:
            flaws.add(number, f"is longer than {MOST_LINE} characters: not read")
            continue
        if host := HOST.match(line):
            names = tuple(host["names"].split())
            within = not any(c in name for name in names for c in "*?!\"'")
            if within:
                blocks.append(Block(number, names, bool(host["off"]), {}))
            else:
                flaws.add(number, f"Host {printable(host['names'], 60)} is a pattern, not a node: not kept")
        elif line.strip() and not line.lstrip().startswith("#"):
            _setting(number, line, blocks[-1] if within else None, flaws)
    return blocks


def _setting(number: int, line: str, block: Block | None, flaws: Flaws) -> None:
    pair = PAIR.match(line)
    if not pair:
        flaws.add(number, f"{printable(line.strip(), 60)}: not understood")
        return
    keyword, value = pair[1].lower(), pair[2].strip('"')
    if keyword in IGNORED:
        return
    if block is None:
        flaws.add(number, f"{printable(pair[1], 40)} stands in no node's block: not kept")
    elif keyword not in TAKEN:
        more = ": name the bastion in the nodes file, after import --nodes-file" if keyword == "proxyjump" else ""
        flaws.add(number, f"{printable(pair[1], 40)} is not kept{more}")
    elif keyword in block.values:
        flaws.add(number, f"a second {keyword} in one block: the first counts, as for ssh")
    else:
        block.values[keyword] = (value, number)

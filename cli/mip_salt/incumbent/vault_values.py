"""Read what the incumbent's vault says, as it was typed; and tell what Ansible's YAML made of it instead.

`mip` writes ``master_ssh_pass: PASSWORD`` without quotes, so Ansible took 012345 for 5349, yes for true, and cut
``a #b`` (facts of the incumbent, D4). The operator typed the raw text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mip_salt.incumbent.flaws import Flaws

MOST_LINE = 4000
PAIR = re.compile(
    r"(?P<key>[A-Za-z0-9_]*?)_(?P<what>remote_user|become_user|ssh_pass|become_pass):(?: (?P<value>.*))?\Z"
)
QUOTED = re.compile(r"\"([^\"\\]*)\"\Z|'([^']*)'\Z")
TWINS = {"become_user": "remote_user", "become_pass": "ssh_pass"}
SECRET = ("ssh_pass", "become_pass")
# What the wizard's expect script could not send: Tcl would have run or replaced it (D3).
TCL = '$["\\{'


@dataclass(frozen=True)
class Value:
    """One value of the vault, raw."""

    text: str = field(repr=False)
    line: int


def parse(text: str, flaws: Flaws) -> dict[str, Value]:
    """Return name → value, such as ``master_ssh_pass``.

    flaws
        Takes what cannot be read and what YAML would misread. No value of it is repeated.
    """
    values: dict[str, Value] = {}
    raws: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip() or line.lstrip().startswith("#") or line.strip() == "---":
            continue
        pair = PAIR.match(line) if len(line) <= MOST_LINE else None
        if not pair:
            flaws.add(number, "is not a line that mip writes (NAME_ssh_pass: …): not read")
            continue
        name = f"{pair['key']}_{pair['what']}"
        if not pair["key"]:
            flaws.add(number, f"{name} is of a machine without a name, which could not be resolved: not read")
        elif name in values:
            flaws.add(number, f"{name} stands twice: the last counts, as for Ansible")
        raw = raws[name] = (pair["value"] or "").strip(" \t")  # as bash's read left it
        # mip writes user and password twice, for login and for sudo: one flaw is enough.
        twin = f"{pair['key']}_{TWINS.get(pair['what'])}"
        value = _value(number, name, raw, flaws if raws.get(twin) != raw else Flaws(flaws.file))
        if value and pair["key"]:
            values[name] = Value(value, number)
    return values


def _value(number: int, name: str, raw: str, flaws: Flaws) -> str:
    """Return the value to use, empty if there is none."""
    if not raw:
        flaws.add(number, f"{name} is empty")
        return ""
    if "\N{REPLACEMENT CHARACTER}" in raw or raw.startswith("!vault"):
        flaws.add(number, f"{name} is not text that can be read: not used")
        return ""
    if quoted := QUOTED.match(raw):
        # The wizard could not have sent it with its quotes on, so somebody put them there against D4.
        flaws.add(number, f"{name} is in quotes, which mip never writes: taken without them")
        return quoted[1] if quoted[1] is not None else quoted[2]
    read = as_yaml(f"{name}: {raw}")
    if read != raw:
        flaws.add(number, f"{name} is not in quotes, and Ansible took {_kind(read, raw)}: used here as it was typed")
    elif name.endswith(SECRET) and any(c in raw for c in TCL):
        flaws.add(number, f"{name} holds a character that mip's wizard could not send: it may never have been tried")
    return raw


def as_yaml(line: str) -> object:
    """Return what YAML 1.1, which Ansible reads, makes of one ``name: value``; None if it is no YAML."""
    import yaml

    try:
        found = yaml.safe_load(line)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, AttributeError, TypeError):
        return None
    return next(iter(found.values()), None) if isinstance(found, dict) and len(found) == 1 else None


def _kind(read: object, raw: str) -> str:
    """Say what YAML took a value for; never the value."""
    if read is None:
        return "nothing at all"
    if isinstance(read, bool):
        return "it for true or false"
    if isinstance(read, str):
        return "only a part of it" if read and read in raw else "something else"
    return "it for a number" if isinstance(read, int | float) else "it for something that is no text"

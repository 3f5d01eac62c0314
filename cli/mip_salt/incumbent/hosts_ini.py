"""Read Ansible's inventory hosts.ini, as `mip … configure pusher` writes it: ``NAME key=value`` in a group a node."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from mip_salt.incumbent.flaws import Flaws
from mip_salt.printable import printable

MOST_LINE = 2000
NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}\Z")
KEY = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
REFERENCE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}\Z")
OURS = {"ansible_host", "hostname", "home_path", "data_path", "remote_user", "become_user"}
SECRET = {"ansible_ssh_pass", "ansible_become_pass"}


@dataclass(frozen=True)
class Host:
    """One machine of the inventory; its values may be passwords.

    values
        Key → value and line.
    """

    name: str
    line: int
    values: dict[str, tuple[str, int]] = field(repr=False)

    def value(self, key: str) -> str:
        """Return a key's value, empty if it has none."""
        return self.values.get(key, ("", 0))[0]

    def line_of(self, key: str) -> int:
        """Return the line a key stands on, or the one where the machine first stands."""
        return self.values.get(key, ("", self.line))[1]

    def reference(self, key: str) -> str:
        """Return the variable that a value takes from the vault, ``"{{master_ssh_pass}}"``, or an empty text."""
        found = REFERENCE.match(self.value(key).strip())
        return found[1] if found else ""


def parse(text: str, flaws: Flaws) -> list[Host]:
    """Return the machines of an inventory, each once, in the order they first stand.

    flaws
        Takes what cannot be read. No value is repeated: it may be a password.
    """
    hosts: dict[str, Host] = {}
    skipped = ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if len(line) > MOST_LINE:
            flaws.add(number, f"is longer than {MOST_LINE} characters: not read")
        elif line.startswith("["):
            skipped = _group(number, line, flaws)
        elif not skipped:
            _machine(number, line, hosts, flaws)
    return list(hosts.values())


def _group(number: int, line: str, flaws: Flaws) -> str:
    """Return the name of a group whose lines are no machines, empty for one whose are."""
    name = line[1:].partition("]")[0]
    if not name:
        flaws.add(number, "[] is a group without a name: the worker's name could not be resolved when it was written")
    elif ":" in name:
        flaws.add(number, f"[{printable(name, 60)}] is not read: mip never writes such a group")
        return name
    return ""


def _machine(number: int, line: str, hosts: dict[str, Host], flaws: Flaws) -> None:
    try:
        name, *pairs = shlex.split(line, comments=True) or [""]
    except ValueError:
        flaws.add(number, "a quote that does not end: not read")
        return
    if not NAME.match(name):
        what = "a line without a machine's name" if "=" in name else f"{printable(name, 40)!r} names no machine"
        flaws.add(number, f"{what}: not read")
        return
    host = hosts.setdefault(name, Host(name, number, {}))
    for pair in pairs:
        key, given, value = pair.partition("=")
        if not given or not KEY.match(key):
            flaws.add(number, "what is not key=value: not read")
        elif key in host.values:
            flaws.add(number, f"a second {key} of {name}: the last counts, as for Ansible")
            host.values[key] = (value, number)
        elif key in OURS | SECRET:
            host.values[key] = (value, number)
        else:
            flaws.add(number, f"{key} is not kept")

"""The nodes that are measured on: three booted machines of a lab, many light ones, or some of yours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mip_salt.lab import base
from mip_salt.lab.lab import Lab
from mip_salt.lab.requirements import require

from bench.cgroups import unified

RELEASE = "bookworm"
LAB = Path("/var/lib/mip-salt-lab-bench")
# Ansible's apt module works with it on the node only; it gets it before it is measured.
ANSIBLE_NEEDS = "python3-apt"


@dataclass(frozen=True)
class Node:
    """A node as a nodes file of `mip-salt configure --from` tells it."""

    id: str
    address: str
    port: int
    user: str
    password: str
    host_key: str
    hostname: str


@dataclass(frozen=True)
class Nodes:
    """Nodes that are up.

    kind
        What they are, in words.
    groups
        The cgroup2 groups in which all they run is counted.
    """

    kind: str
    nodes: list[Node]
    groups: list[Path]


def ids(count: int) -> list[str]:
    """Return the ids of so many nodes of one federation."""
    return ["ms", "ui", *(f"wk{number}" for number in range(1, count - 1))][:count]


def base_image(cache: Path, say: Callable[[str], None]) -> Path:
    """Build the image under all nodes, if it is not there; return where.

    cache
        The bench's own: another recipe's image takes the place of the usual one where they lie together.
    """
    if ANSIBLE_NEEDS not in base.PACKAGES:
        base.PACKAGES.append(ANSIBLE_NEEDS)
    require()
    path = base.base_path(cache, RELEASE, docker=False)
    base.build(path, RELEASE, False, say)
    return path


@contextmanager
def booted(count: int, cache: Path, say: Callable[[str], None]) -> Iterator[Nodes]:
    """Boot machines by the product's own lab, and take them away at the end."""
    base_image(cache, say)
    lab = Lab(LAB, cache)
    try:
        made = lab.up(ids(count), RELEASE, docker=False, name="bench", progress=say)
        top = unified()
        groups = [_group_of(top, node.machine.process().pid) for node in made]
        nodes = [Node(n.id, n.address, n.port, n.user, n.password, n.host_key, n.hostname) for n in made]
        yield Nodes("machines booted by systemd-nspawn", nodes, groups)
    finally:
        lab.down()


@contextmanager
def given(file: Path) -> Iterator[Nodes]:
    """Take the nodes of a nodes file, with a password, host_key and hostname each; what they use nobody counts."""
    rows: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text("utf-8"))["nodes"]
    nodes = [
        Node(
            id=name,
            address=row["address"],
            port=row.get("port", 22),
            user=row.get("user", "mipadmin"),
            password=row["password"],
            host_key=row["host_key"],
            hostname=row["hostname"],
        )
        for name, row in rows.items()
    ]
    yield Nodes(f"machines of {file.name}", nodes, [])


def _group_of(top: Path, nspawn: int) -> Path:
    """Return the group of a machine: that of its systemd-nspawn, without the part that this shares with the payload."""
    line = next(line for line in Path(f"/proc/{nspawn}/cgroup").read_text().splitlines() if line.startswith("0::"))
    return top / re.sub(r"/(supervisor|payload)(/.*)?\Z", "", line.removeprefix("0::")).lstrip("/")

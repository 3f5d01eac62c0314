"""The lab's network: one bridge that nothing leaves, and a cable to each node."""

from __future__ import annotations

import socket
from pathlib import Path

from mip_salt.errors import Damaged, UsageError
from mip_salt.federation.node_ids import NODE_ID, order_of
from mip_salt.lab.processes import PREFIX
from mip_salt.lab.tools import call, succeeds
from mip_salt.printable import printable

BRIDGE = "miplab0"
NET4, NET6 = "10.213.77", "fd6d:6970:6c61:6200:"
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
# Each booted systemd takes several; the usual 128 end at about 20 machines (measured).
INSTANCES = 1024
# Nodes reach each other, and nothing beyond: a node may not use this machine as its router.
RULES = [
    ["-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT"],
    ["-i", BRIDGE, "!", "-o", BRIDGE, "-j", "DROP"],
]
NAMESPACES = Path("/run/netns")
MOST_WORKERS = 200


def link_of(node: str) -> str:
    """Return the name of a node's network namespace, and of this machine's end of its cable."""
    return f"{PREFIX}{node}"


def addresses(node: str) -> tuple[str, str]:
    """Return a node's IPv4 and IPv6 address; the id alone tells them.

    Raises UsageError for an id that a lab has no address for.
    """
    rank, number = order_of(node) if NODE_ID.match(node) else (3, 0)
    if rank > 2 or number > MOST_WORKERS:
        raise UsageError(
            f"a lab's nodes are ms, ui and wk1 to wk{MOST_WORKERS}, not {printable(node, 20)}",
            hint="mip-salt lab list shows those that there are.",
        )
    host = 20 + number if rank == 2 else 10 + rank
    return f"{NET4}.{host}", f"{NET6}:{host:x}"


def has_ipv6() -> bool:
    """Say whether this machine's kernel speaks IPv6."""
    try:
        return Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").read_text().strip() == "0"
    except OSError:
        return False


def open_bridge() -> None:
    """Make the bridge and its rules, whatever of them is left from before."""
    if int(INOTIFY.read_text()) < INSTANCES:
        INOTIFY.write_text(str(INSTANCES))
    if not _exists(BRIDGE):
        call(["ip", "link", "add", BRIDGE, "type", "bridge"])
    call(["ip", "address", "replace", f"{NET4}.1/24", "dev", BRIDGE])
    if has_ipv6():
        call(["ip", "address", "replace", f"{NET6}:1/64", "dev", BRIDGE, "nodad"])
    call(["ip", "link", "set", BRIDGE, "up"])
    for tables in _tables():
        for rule in RULES:
            if not succeeds([tables, "-w", "-C", "FORWARD", *rule]):
                call([tables, "-w", "-I", "FORWARD", *rule])


def close_bridge() -> None:
    """Remove the bridge and its rules."""
    for tables in _tables():
        for rule in RULES:
            while succeeds([tables, "-w", "-D", "FORWARD", *rule]):
                pass
    if _exists(BRIDGE):
        call(["ip", "link", "delete", BRIDGE])


def plug(node: str) -> None:
    """Give a node that has none a network namespace, with a cable to the bridge."""
    name = link_of(node)
    inside = ["ip", "-n", name]
    four, six = addresses(node)
    # Always the same card: neighbours that remember another one find the node only after half a minute (measured).
    card = f"02:6d:69:70:00:{int(four.rpartition('.')[2]):02x}"
    call(["ip", "netns", "add", name])
    call(["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "address", card, "netns", name])
    call(["ip", "link", "set", name, "master", BRIDGE, "up"])
    call([*inside, "address", "add", f"{four}/24", "dev", "eth0"])
    if has_ipv6():
        call([*inside, "address", "add", f"{six}/64", "dev", "eth0", "nodad"])
    for device in ("lo", "eth0"):
        call([*inside, "link", "set", device, "up"])


def unplug(node: str) -> None:
    """Remove a node's cable and network namespace, if they are there."""
    name = link_of(node)
    if _exists(name) and not succeeds(["ip", "link", "delete", name]) and _exists(name):
        raise Damaged(f"the cable {name} cannot be removed", hint=f"Look at it: ip link show {name}")
    if (NAMESPACES / name).exists():
        call(["ip", "netns", "delete", name])


def machines_with_network() -> set[str]:
    """Return the names that have a cable or a network namespace here, a lab's or not."""
    return {name for _, name in socket.if_nameindex()} | {path.name for path in NAMESPACES.glob("*")}


def rewire(node: str) -> bool:
    """Mend the cable of a node that runs; return False if it has none any more."""
    return succeeds(["ip", "link", "set", link_of(node), "master", BRIDGE, "up"])


def set_cable(node: str, state: str) -> None:
    """Cut a node's cable (``down``) or heal it (``up``)."""
    call(["ip", "link", "set", link_of(node), state])


def _exists(device: str) -> bool:
    return device in {name for _, name in socket.if_nameindex()}


def _tables() -> list[str]:
    return ["iptables", "ip6tables"] if has_ipv6() else ["iptables"]

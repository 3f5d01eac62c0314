"""This machine: its name, whom it finds by name, its clock and its disks."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from mip_salt.federation.address import HOSTNAME
from mip_salt.printable import printable
from mip_salt.workflows.findings import Finding, Level

MIB = 1 << 20
# A federation takes some MiB, a checkout of exareme and Salt's thin some hundred.
DISK_FAIL, DISK_WARN = 100 * MIB, 2048 * MIB
TIME_ERROR = 5  # adjtimex(2): nobody keeps this clock


def hostname(federation: str | None) -> Iterator[Finding]:
    """Look at this machine's name: a usual one, and one that it can resolve itself."""
    name = os.uname().nodename
    advice = _advice(name, federation)
    if not HOSTNAME.match(name) or name.startswith("localhost"):
        said = f"{printable(name, 64)} is not a usual name (labels of a-z, 0-9 and -, not localhost)"
        yield Finding("hostname", Level.WARN, said, advice or "hostnamectl set-hostname NAME")
        return
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        remedy = f"Put it into /etc/hosts: 127.0.1.1 {name}"
        yield Finding("hostname", Level.WARN, f"{name} does not resolve here: sudo will be slow", remedy)
        return
    yield Finding("hostname", Level.OK, f"{name}, and it resolves", advice)


def _advice(name: str, federation: str | None) -> str:
    """Return MIP's own advice on what to call a pusher."""
    wish = f"{federation}-pusher"
    if not federation or name.partition(".")[0] == wish:
        return ""
    command = f"mip-salt -f {federation} install --hostname {wish}"
    return f"MIP's pages call it {wish}; if this machine has no other work: {command}"


def names(of: Mapping[str, str]) -> Iterator[Finding]:
    """Look up names.

    of
        Name to the node that has it.
    """
    unknown = []
    for name in of:
        try:
            socket.getaddrinfo(name, None)
        except OSError:
            unknown.append(f"{name} ({of[name]})")
    if unknown:
        remedy = "Look at /etc/resolv.conf (resolvectl status); or give these nodes an address instead of a name."
        yield Finding("dns", Level.FAIL, f"unknown: {', '.join(unknown)}", remedy)
    else:
        said = f"{len(of)} of the nodes' names resolve" if of else "no node is reached by a name"
        yield Finding("dns", Level.OK, said)


def clock() -> Iterator[Finding]:
    """Look at whether somebody keeps the clock; asked of the kernel, so that it does not matter who."""
    room = ctypes.create_string_buffer(512)  # struct timex has 208 bytes; modes = 0 only reads
    state = ctypes.CDLL(None, use_errno=True).adjtimex(room)
    if state == -1:
        yield Finding("clock", Level.UNKNOWN, f"the kernel does not say: {os.strerror(ctypes.get_errno())}")
    elif state == TIME_ERROR:
        remedy = "apt-get install systemd-timesyncd, or chrony; in a container or virtual machine, see to the host's."
        yield Finding("clock", Level.WARN, "nobody keeps it: the nodes' clocks are compared with it", remedy)
    else:
        yield Finding("clock", Level.OK, "kept by NTP")


def disk(root: Path) -> Iterator[Finding]:
    """Look at the room under the root and for temporary files."""
    places = {place: _existing(place) for place in (root, Path("/tmp"))}  # noqa: S108 - only looked at
    for what, place in places.items():
        free, inodes = shutil.disk_usage(place).free, os.statvfs(place)
        few = bool(inodes.f_files) and inodes.f_favail < 1000
        level = Level.FAIL if free < DISK_FAIL or few else Level.WARN if free < DISK_WARN else Level.OK
        said = f"{free / MIB / 1024:.1f} GiB free under {what}" + (
            f", but only {inodes.f_favail} inodes" if few else ""
        )
        yield Finding("disk", level, said, "" if level is Level.OK else f"See what is large: du -xh {place} | sort -h")


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.is_dir())

"""
Say who holds a port of a node, and what its kernel can do for a swarm.

Python 3.8 and its standard library; sent over ssh with probe.py, run as root from memory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import subprocess
from typing import Any

# Seconds for the kernel's answer.
KERNEL = 5.0
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def bound(protocol: str, port: int) -> socket.socket | None:
    """Return a socket that holds a port of every address, or None if another does."""
    for family in (socket.AF_INET6, socket.AF_INET):
        try:
            found = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        except OSError:
            continue
        try:
            if family == socket.AF_INET6:
                found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            if protocol == "tcp":
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))  # noqa: S104 - it is to be reached
            if protocol == "tcp":
                found.listen(128)
            found.setblocking(False)
        except OSError as err:
            found.close()
            if err.errno == errno.EADDRINUSE:
                return None
            continue
        return found
    return None


def free(protocol: str, port: int) -> bool:
    """Say whether nothing holds a port."""
    found = bound(protocol, port)
    if found:
        found.close()
    return found is not None


def holders(rows: list[list[Any]]) -> dict[str, str]:
    """Return who holds each of the ports: a program's name, ``kernel``, or nothing if it cannot be told."""
    inodes: dict[str, str] = {}
    found = {}
    for protocol, port in rows:
        inode = inode_of(protocol, port)
        # A socket without a program is the kernel's own: VXLAN's.
        found[f"{port}/{protocol}"] = "kernel" if protocol == "udp" else ""
        if inode:
            inodes[f"socket:[{inode}]"] = f"{port}/{protocol}"
    for pid in filter(str.isdigit, os.listdir("/proc")) if inodes else ():
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    place = inodes.get(os.readlink(f"/proc/{pid}/fd/{fd}"))
                    if place:
                        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
                            found[place] = comm.read(64).strip()
    return found


def inode_of(protocol: str, port: int) -> str:
    """Return the inode of the socket that holds a port; nothing if there is none."""
    for table in (protocol, f"{protocol}6"):
        with contextlib.suppress(OSError), open(f"/proc/net/{table}", encoding="ascii") as rows:
            for row in rows:
                fields = row.split()
                if fields[1].endswith(f":{port:04X}") and (protocol != "tcp" or fields[3] == "0A"):
                    return fields[9]
    return ""


# --- what the kernel can do, tried in a network namespace that ends with the command ----------------------------------


def vxlan() -> str:
    """Say whether the kernel has VXLAN: nothing if so, else why not; ``?`` and why, if it cannot be tried."""
    return in_namespace("ip", "link", "add", "mip-check", "type", "vxlan", "id", "4096", "dstport", "4789")


def esp() -> str:
    """Say whether the kernel has ESP with the cipher that the engine uses (moby, drivers/overlay/encryption.go)."""
    ends = ("src", "192.0.2.1", "dst", "192.0.2.2")
    cipher = ("aead", "rfc4106(gcm(aes))", "0x" + "5a" * 20, "64")
    return in_namespace(
        "ip", "xfrm", "state", "add", *ends, "proto", "esp", "spi", "0x100", "mode", "transport", *cipher
    )


def in_namespace(*command: str) -> str:
    """Run a command in a network namespace of its own, which is gone when it ends."""
    for call in (("unshare", "-n", "true"), ("unshare", "-n", "ip", "-V"), ("unshare", "-n", *command)):
        try:
            done = subprocess.run(
                call, stdin=subprocess.DEVNULL, capture_output=True, timeout=KERNEL, env=ENV, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            return f"? {err}"[:200]
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:150] or "without a word"
            return said if call[2:] == command else f"? {said}"
    return ""


def ipvs() -> str:
    """Say whether the kernel has IPVS, which gives a service its one address (generic netlink, linux/genetlink.h)."""
    name = b"IPVS\0"
    body = struct.pack("=BBH", 3, 1, 0) + struct.pack("=HH", 4 + len(name), 2) + name.ljust(8, b"\0")
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16) as kernel:
            kernel.settimeout(KERNEL)
            kernel.send(struct.pack("=IHHII", 16 + len(body), 16, 1, 1, 0) + body)
            answer = kernel.recv(8192)
        kind, number = struct.unpack("=4xH6x4xi", answer[:20])
    except (OSError, struct.error) as err:
        return f"? {err}"[:200]
    if kind != 2:  # an answer, not an error
        return ""
    return "no such family" if -number == errno.ENOENT else f"? {os.strerror(-number)}"

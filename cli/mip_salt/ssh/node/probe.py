"""
Listen on a node, send from it, and say what came: the program that `mip-salt check` runs on every node.

Python 3.8 and its standard library; sent over ssh with host.py, run as root from memory, never written to a disk. It
ends, and with it every listener, when the connection does or when its time is over, whatever happens to the pusher.

What arrives is seen by raw sockets, behind the node's own firewall and whether or not a service holds the port. A port
that is free is held meanwhile, so that nothing answers "port unreachable" in its place.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import heapq
import ipaddress
import itertools
import json
import os
import selectors
import signal
import socket
import struct
import threading
import time
from typing import Any, Callable

from mip_salt.ssh.node.host import bound, esp, free, holders, ipvs, vxlan

MARK = b"MIP4 "
MAGIC = b"MIPC no data: mip-salt check tries the way between two nodes. "
# Eight bytes that are no message of the swarm's: to VXLAN they carry no network, to its gossip they do not decrypt.
FRONT = bytes(8)
ESP = 50
# Seconds: until a connection is given up, between the sendings of a datagram, for a name.
CONNECT, AGAIN, RESOLVE = 2.5, (0.0, 0.4, 1.2), 3.0
MOST_TOLD = 20_000
# linux/in.h, linux/in6.h: do not fragment, and do not believe what was once learnt of the path.
MTU_DISCOVER, MTU6_DISCOVER, PROBE = 10, 23, 3
ATTACH_FILTER = 26


class Probe:
    """One run on one node."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.run = bytes.fromhex(order["run"])
        self.selector = selectors.DefaultSelector()
        self.count = itertools.count()
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.held: list[socket.socket] = []
        self.largest: dict[str, int] = {}
        self.unread = b""
        self.raw = self._raw()
        taken = [row for row in order["listen"] if not self._listen(*row)]
        busy = [row for row in order["free"] if not free(*row)]
        self.tell(
            ready={
                "raw": self.raw,
                "held": holders(taken + busy),
                "kernel": {"vxlan": vxlan(), "esp": esp(), "ipvs": ipvs()},
            }
        )

    def tell(self, **what: Any) -> None:
        """Say one thing to the pusher."""
        text = MARK + json.dumps(what).encode() + b"\n"
        while text:
            text = text[os.write(1, text) :]

    def serve(self) -> None:
        """Do what the pusher says until it says no more."""
        self.selector.register(0, selectors.EVENT_READ, self._orders)
        while True:
            wait = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else None
            for key, _ in self.selector.select(wait):
                key.data()
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()

    def _orders(self) -> None:
        said = os.read(0, 65536)
        if not said:
            os._exit(0)
        *lines, self.unread = (self.unread + said).split(b"\n")
        for line in lines:
            rows = json.loads(line)["send"]
            known = resolved({row["to"] for row in rows})
            for row in rows:
                self._send(row, known.get(row["to"]))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.count), action))

    # --- receiving ---------------------------------------------------------------------------------------------

    def _raw(self) -> bool:
        """Watch for what arrives, of every port, behind the node's own firewall."""
        for family in (socket.AF_INET, socket.AF_INET6):
            for protocol in (socket.IPPROTO_UDP, ESP):
                try:
                    raw = socket.socket(family, socket.SOCK_RAW, protocol)
                except OSError:
                    if family == socket.AF_INET:
                        return False
                    continue  # a node without IPv6
                only_ours(raw)
                raw.setblocking(False)
                self.held.append(raw)
                self.selector.register(raw, selectors.EVENT_READ, lambda raw=raw: self._packet(raw))
        return True

    def _packet(self, raw: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            packet, source = raw.recvfrom(65536)
            four = raw.family == socket.AF_INET
            start = (packet[0] & 15) * 4 if four else 0
            # A header of eight bytes either way: UDP's, or ESP's.
            self._arrived(packet[start + 8 :], source[0], len(packet) + (0 if four else 40))

    def _arrived(self, payload: bytes, source: str, size: int) -> None:
        start = FRONT + MAGIC + self.run
        if not payload.startswith(start):
            return
        token = payload[len(start) : len(start) + 16].hex()
        if size > self.largest.get(token, 0) and len(self.largest) < MOST_TOLD:
            self.largest[token] = size
            self.tell(arrived={"token": token, "source": source.partition("%")[0], "size": size})

    def _listen(self, protocol: str, port: int) -> bool:
        """Hold a port; say whether it was free."""
        found = bound(protocol, port)
        if not found:
            return False
        self.held.append(found)
        if protocol == "tcp":
            self.selector.register(found, selectors.EVENT_READ, lambda: self._accept(found))
        return True

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, source = listener.accept()
            connection.setblocking(False)
            address = source[0][7:] if source[0].startswith("::ffff:") else source[0]

            def read() -> None:
                with contextlib.suppress(OSError):
                    self._arrived(connection.recv(4096), address, 1)
                close()

            def close() -> None:
                with contextlib.suppress(KeyError, ValueError):
                    self.selector.unregister(connection)
                connection.close()

            self.selector.register(connection, selectors.EVENT_READ, read)
            self._later(CONNECT, close)

    # --- sending -----------------------------------------------------------------------------------------------

    def _send(self, row: dict[str, Any], where: Any) -> None:
        if where is None:
            self.tell(sent={"token": row["token"], "outcome": "unresolved"})
            return
        payload = FRONT + MAGIC + self.run + bytes.fromhex(row["token"])
        if row["protocol"] == "tcp":
            self._connect(row, where, payload)
        else:
            self._datagrams(row, where, payload)

    def _connect(self, row: dict[str, Any], where: Any, payload: bytes) -> None:
        family, address = where
        out = socket.socket(family, socket.SOCK_STREAM)
        out.setblocking(False)
        ended = False

        def end(outcome: str) -> None:
            nonlocal ended
            if ended:
                return
            ended = True
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(out)
            out.close()
            self.tell(sent={"token": row["token"], "outcome": outcome})

        def connected() -> None:
            number = out.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number and row["speak"]:
                with contextlib.suppress(OSError):
                    out.send(payload)
            end(word(number) if number else "connected")

        number = out.connect_ex((address, row["port"]))
        if number not in (0, errno.EINPROGRESS):
            end(word(number))
            return
        self.selector.register(out, selectors.EVENT_WRITE, connected)
        self._later(CONNECT, lambda: end("silence"))

    def _datagrams(self, row: dict[str, Any], where: Any, payload: bytes) -> None:
        """Send a datagram, or one of each size; and again, as one may be lost."""
        family, address = where
        sizes, esp_ = row.get("sizes") or [0], row["protocol"] == "esp"
        try:
            out = socket.socket(family, socket.SOCK_RAW, ESP) if esp_ else socket.socket(family, socket.SOCK_DGRAM)
            out.setblocking(False)
            if row.get("whole"):  # it may not be fragmented
                four = family == socket.AF_INET
                level, option = (socket.IPPROTO_IP, MTU_DISCOVER) if four else (socket.IPPROTO_IPV6, MTU6_DISCOVER)
                out.setsockopt(level, option, PROBE)
            out.connect((address, 0 if esp_ else row["port"]))
        except OSError as err:
            self.tell(sent={"token": row["token"], "outcome": word(err.errno)})
            return
        header = 28 if family == socket.AF_INET else 48
        # ESP's own header: an index that no tunnel has but by chance, and the first packet of it.
        front = (b"\xf0" + os.urandom(3) + struct.pack(">I", 1)) if esp_ else b""
        failed: list[str] = []

        def once() -> None:
            for size in sizes:
                try:
                    out.send((front + payload).ljust(size - header, b"\0"))
                except OSError as err:
                    # Too large for the node's own card: the smaller ones tell how large it may be.
                    if err.errno != errno.EMSGSIZE and not failed:
                        failed.append(word(err.errno))
                        self.tell(sent={"token": row["token"], "outcome": failed[0]})

        for seconds in AGAIN:
            self._later(seconds, once) if seconds else once()
        self._later(AGAIN[-1] + 0.5, out.close)


def only_ours(raw: socket.socket) -> None:
    """Have the kernel drop what is not ours: a raw socket sees a copy of all that the node receives.

    Four words of the old packet filter (linux/filter.h). Offset 16 is behind the header and the eight bytes of FRONT.
    """
    words = [(0x20, 0, 0, 16), (0x15, 0, 1, int.from_bytes(MAGIC[:4], "big")), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)]
    if raw.family == socket.AF_INET:  # it begins with the IP header there
        words[:1] = [(0xB1, 0, 0, 0), (0x40, 0, 0, 16)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in words))
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("HL", len(words), ctypes.addressof(code)))


def resolved(names: set[str]) -> dict[str, Any]:
    """Return the family and the address of each name that resolves, in bounded time; an address is one at once."""
    found: dict[str, Any] = {}

    def ask(name: str) -> None:
        with contextlib.suppress(OSError):
            family, _, _, _, address = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)[0]
            found[name] = (family, address[0])

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names if not numeric(name)]
    for name in filter(numeric, names):
        ask(name)
    until = time.monotonic() + RESOLVE
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(found)


def numeric(name: str) -> bool:
    """Say whether it is an address, not a name."""
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def word(number: int | None) -> str:
    """Return what an error of the network means, in one word."""
    return {
        errno.ECONNREFUSED: "refused",
        errno.EHOSTUNREACH: "no-route",
        errno.ENETUNREACH: "no-route",
        errno.ETIMEDOUT: "silence",
        errno.EPERM: "own-firewall",
        errno.EACCES: "own-firewall",
    }.get(number or 0, "failed")


def main(order: dict[str, Any]) -> None:
    """Do one run; nothing survives it."""
    signal.alarm(order["seconds"])
    try:
        Probe(order).serve()
    except (BrokenPipeError, EOFError):
        os._exit(0)

"""How a node is reached: a name, an IPv4 or an IPv6 address, and a port."""

from __future__ import annotations

import ipaddress
import re

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*\Z")
ZONE = re.compile(r"[A-Za-z0-9_.-]{1,15}\Z")
RULE = "an address is a host name, an IPv4 or an IPv6 address"


def valid_address(text: str) -> str:
    """Return a node's address in one spelling (lower case, IPv6 compressed).

    Raises ValueError with the rule.
    """
    text = text.strip().lower() if "%" not in text else text.strip()
    bare, _, zone = text.partition("%")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        if HOSTNAME.match(text) and not re.fullmatch(r"[0-9.]+", text):
            return text
        raise ValueError(RULE) from None
    if zone and (address.version == 4 or not ZONE.match(zone)):
        raise ValueError(RULE)
    return f"{address}%{zone}" if zone else str(address)


def split_address(text: str, port: int = 22) -> tuple[str, int]:
    """Return address and port of ``host``, ``host:port``, ``::1`` or ``[::1]:port``.

    Raises ValueError with the rule.
    """
    text = text.strip()
    host, tail = text, ""
    if text.startswith("["):
        host, closed, tail = text[1:].partition("]")
        if not closed or (tail and not tail.startswith(":")):
            raise ValueError("an IPv6 address with a port is written [address]:port")
        tail = tail[1:]
        if ":" not in host:
            raise ValueError("only an IPv6 address is written in brackets")
    elif text.count(":") == 1:
        host, _, tail = text.partition(":")
        if not tail:
            raise ValueError("the port after : is missing")
    if tail:
        if not re.fullmatch(r"[0-9]{1,5}", tail) or not 0 < int(tail) < 65536:
            raise ValueError("a port is a number from 1 to 65535")
        port = int(tail)
    return valid_address(host), port


def join_address(address: str, port: int) -> str:
    """Return an address with its port as a person reads it: the port only if it is not 22."""
    if port == 22:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def valid_hostname(text: str) -> str:
    """Return a node's own name: lower-case labels, dots allowed, never localhost.

    Raises ValueError with the rule.
    """
    if not HOSTNAME.match(text) or text.startswith("localhost"):
        raise ValueError("a hostname is labels of a-z, 0-9 and - (lower case, 63 characters each), and not localhost")
    return text

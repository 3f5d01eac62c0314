"""What an operator may set of the web front end; ``pillar/defaults.yaml`` explains each for him."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr

from mip_salt.federation.address import HOSTNAME
from mip_salt.federation.kinds import Strict, matching

Protocol = Literal["http", "https"]
# They go into a file of KEY=value that compose reads: nothing that it would take for more than text.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
PORT = re.compile(r"(.+?)(?::([0-9]{1,5}))?\Z")


def _host(text: str) -> str:
    """Return a host, with a port or without, as a browser's address bar takes it."""
    found = PORT.match(text)
    host, port = (found[1].lower(), found[2]) if found else ("", None)
    if not _name(host) and not _ipv4(host):
        raise ValueError("must be a host name or an IPv4 address, with :PORT behind it if need be, and no protocol")
    if port and not 0 < int(port) < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return f"{host}:{port}" if port else host


def _public_host(text: str) -> str:
    host = _host(text)
    bare = host.partition(":")[0]
    address = _ipv4(bare)
    if bare.startswith("localhost") or (address and (address.is_loopback or address.is_unspecified)):
        raise ValueError(f"{bare} is every machine's own: browsers would look for MIP on themselves")
    return host


def _exareme(text: str) -> str:
    address = _ipv4(text)
    if not address or address.is_loopback or address.is_unspecified:
        raise ValueError("must be the master's IPv4 address, as the ui reaches it")
    return text


def _name(text: str) -> bool:
    return bool(HOSTNAME.match(text)) and not re.fullmatch(r"[0-9.]+", text)


def _ipv4(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


Host = Annotated[StrictStr, Field(max_length=300), AfterValidator(_host)]
Word = Annotated[StrictStr, matching(WORD, "must be of A-Z, a-z, 0-9, _, . and -, beginning with a letter or digit")]


class Keycloak(Strict):
    """Who lets users in. Its client's secret rests in the vault."""

    authentication: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="users log in; takes the client's secret in the vault"
    )
    protocol: Protocol = Field(default="https", description="how its server is reached")
    url: Host = Field(default="iam.ebrains.eu", description="its server, without a protocol")
    realm: Word = Field(default="MIP", description="its realm")
    client_id: Word = Field(default="mipfedqa", description="the name that MIP has there")
    ssl_required: Literal["external", "all", "none"] | None = Field(
        default=None, description="where it wants https; null: none if all is http, else external"
    )


class Datacatalogue(Strict):
    """Where the web front end leads to for the description of data."""

    protocol: Protocol = Field(default="https", description="how it is reached")
    host: Host = Field(default="datacatalogue.mip.ebrains.eu", description="its server, without a protocol")


class Ui(Strict):
    """The web front end, on the ui node."""

    link: Literal["direct", "proxied"] = Field(
        default="direct", description="whether browsers reach the ui itself, or a reverse proxy before it"
    )
    public_protocol: Protocol = Field(default="http", description="what the ui itself speaks")
    external_protocol: Protocol = Field(default="https", description="what a reverse proxy speaks to browsers")
    public_host: Annotated[StrictStr, Field(max_length=300), AfterValidator(_public_host)] | None = Field(
        default=None, description="what browsers call it; null: the ui's address"
    )
    exareme_ip: Annotated[StrictStr, AfterValidator(_exareme)] | None = Field(
        default=None, description="the master's IPv4 address, as the ui reaches it; null: the one in nodes"
    )
    keycloak: Keycloak = Keycloak.model_construct()
    datacatalogue: Datacatalogue = Datacatalogue.model_construct()

"""What an operator may set of the swarm and of exareme's services; ``pillar/defaults.yaml`` explains each for him."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr

from mip_salt.federation.address import HOSTNAME
from mip_salt.federation.kinds import Strict, matching

NAME = r"([a-z0-9.-]{1,100}(:[0-9]{1,5})?/)?[a-z0-9][a-z0-9._/-]{0,150}"
OF_IMAGE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
IMAGE, TAG, WITH_TAG = (re.compile(rf"{text}\Z") for text in (NAME, OF_IMAGE, f"{NAME}:{OF_IMAGE}"))
KEYSTORE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}:[0-9]{1,5}\Z")


def _subnet(text: str) -> str:
    try:
        found = ipaddress.IPv4Network(text)
    except ValueError:
        raise ValueError("must be an IPv4 network without host bits, like 10.20.30.0/24") from None
    if not 8 <= found.prefixlen <= 29:
        raise ValueError("must have a prefix of /8 to /29: each service and node takes an address of it")
    return str(found)


Seconds = Annotated[int, Field(strict=True, ge=0, le=86400)]


class Swarm(Strict):
    """The Docker Swarm, and its network."""

    encrypted: Annotated[bool, Field(strict=True)] = Field(
        default=True, description="encrypt what goes between nodes; false only where nothing confidential does"
    )
    subnet: Annotated[StrictStr, AfterValidator(_subnet)] = Field(
        default="10.20.30.0/24", description="addresses of the services, unused in every hospital's network"
    )
    mtu: Annotated[int, Field(strict=True, ge=1280, le=9000)] | None = Field(
        default=None, description="bytes of the largest packet that every way between nodes carries; else the engine's"
    )


class Stack(Strict):
    """exareme's services."""

    image: Annotated[StrictStr, Field(max_length=200), matching(IMAGE, "an image's name, without a tag")] = Field(
        default="hbpmip/exareme", description="exareme's image, without a tag"
    )
    tag: Annotated[StrictStr, matching(TAG, "a tag is A-Z, a-z, 0-9, _, . and -, in quotes")] | None = Field(
        default=None, description="its tag; else the version of exareme that is installed"
    )
    keystore: Annotated[StrictStr, matching(KEYSTORE, "must be NAME:PORT")] = Field(
        default="exareme-keystore:8500", description="where exareme looks for its keystore"
    )
    resolve: Literal["changed", "always", "never"] = Field(
        default="changed", description="when a registry is asked which image a name means"
    )


class Wait(Strict):
    """How long apply waits for what it started."""

    running: Seconds = Field(default=600, description="seconds until a node's tasks run; images are pulled meanwhile")
    healthy: Seconds = Field(default=300, description="seconds until the master says that every node takes part")
    ui: Seconds = Field(default=300, description="seconds until the web front end answers")


def _domain(text: str) -> str:
    # It names a folder of the master's.
    if not HOSTNAME.match(text) or "." not in text:
        raise ValueError("must be a whole domain name, as mip.hospital.example")
    return text


class Portainer(Strict):
    """Portainer, which shows the swarm in a browser, on the master; whoever may use it is root on every node."""

    enabled: Annotated[bool, Field(strict=True)] = Field(default=False, description="apply has it run")
    image: Annotated[StrictStr, Field(max_length=330), matching(WITH_TAG, "an image's name with its tag")] = Field(
        default="portainer/portainer:latest", description="its image, with a tag"
    )
    domain: Annotated[StrictStr, Field(max_length=253), AfterValidator(_domain)] | None = Field(
        default=None, description="the domain whose certificate of Let's Encrypt it uses; null: plain HTTP"
    )

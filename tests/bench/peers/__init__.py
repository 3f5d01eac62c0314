"""The tools that are measured, a file each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bench.measure import Call
from bench.site import Site


class Peer(Protocol):
    """One tool, set up in one way."""

    name: str

    def version(self, site: Site) -> str:
        """Return what it is and which."""

    def calls(self, site: Site) -> Mapping[str, Call]:
        """Return its command for each piece of work that it can do, after writing what they need into the folder."""


def everyone() -> list[Peer]:
    """Return all of them, ours first."""
    from bench.peers.ansible import Ansible
    from bench.peers.mip_salt import MipSalt
    from bench.peers.pyinfra import Pyinfra
    from bench.peers.salt_ssh import SaltSsh
    from bench.peers.ssh import Ssh

    return [MipSalt(), Ssh(), Pyinfra(), SaltSsh(), *(Ansible(way) for way in ("default", "pipelining", "mitogen"))]

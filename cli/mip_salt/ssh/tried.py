"""What was tried of a node by the system's ssh, for whoever has to say why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

SSH_FAILED = 255  # its exit code for what is not the command's own


class Tried(NamedTuple):
    """Whom ssh was to reach, and the command that reproduces it."""

    folder: Folder
    federation: Federation
    name: str
    command: str


def no_ssh(name: str = "") -> Damaged:
    """Return the error that there is no ssh on this machine, to reach a node with."""
    return Damaged("there is no ssh on this machine", hint="Install it: apt-get install openssh-client", node=name)

"""How the system's ssh reaches a node: one set of options, for the roster and for our own checks alike."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.federation.folder import Folder
from mip_salt.federation.templates import filled_lines

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation, Node

UNWANTED = ("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_AUTH_SOCK", "DISPLAY")


def ssh_environment() -> dict[str, str]:
    """Return the environment for ssh: nothing in it lets it ask anybody, or use another agent."""
    return {key: value for key, value in os.environ.items() if key not in UNWANTED}


def ssh_options(folder: Folder, federation: Federation, name: str, *, agent: Path | None = None) -> list[str]:
    """Return the ``-o`` options of a node, in OpenSSH's words.

    agent
        Socket of the ssh-agent that holds the identity, if it is another than the federation's.

    A bastion is reached by ProxyCommand: OpenSSH gives ProxyJump's own ssh none of these options, so its host key
    would be looked up in the operator's known_hosts (measured, OpenSSH 9.2).
    """
    node = federation.nodes[name]
    socket = str(agent or folder.agent_socket)
    options = filled_lines("ssh_options", folder=str(folder.path), id=name, agent=socket)
    if node.bastion:
        hop = [
            "ssh",
            *ssh_arguments(folder, federation, node.bastion, agent=agent),
            "-W",
            "[%h]:%p",
            destination(federation.nodes[node.bastion]),
        ]
        options.append(f"ProxyCommand={shlex.join(hop)}")
    return options


def ssh_arguments(folder: Folder, federation: Federation, name: str, *, agent: Path | None = None) -> list[str]:
    """Return the arguments of the system's ssh for a node, without its name and without a command.

    agent
        As of `ssh_options`.
    """
    options = [word for option in ssh_options(folder, federation, name, agent=agent) for word in ("-o", option)]
    return [
        *(
            "-F",
            "/dev/null",
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=10",
            "-o",
            "IdentitiesOnly=yes",
        ),
        *("-i", str(folder.identity_public), "-p", str(federation.nodes[name].port), *options),
    ]


def destination(node: Node) -> str:
    """Return ``user@address`` of a node."""
    return f"{node.user}@{node.address}"

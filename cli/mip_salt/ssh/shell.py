"""A shell on a node, or one command there, by the system's ssh in the operator's own terminal."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.ssh_options import ssh_arguments, ssh_environment
from mip_salt.ssh.tried import no_ssh

# Whoever a node may know, from a directory too; never an option.
USER_THERE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}\Z")
# Of an option ssh takes what it is told first. Nothing of ours is offered: no identity, and no key of the operator's,
# so that each try counts once on the node. Neither ssh's helper may ask in a window nor be asked by whoever set it.
AS_ANOTHER = (
    "BatchMode=no",
    "PubkeyAuthentication=no",
    "GSSAPIAuthentication=no",
    "HostbasedAuthentication=no",
    "PasswordAuthentication=yes",
    "KbdInteractiveAuthentication=yes",
    "PreferredAuthentications=keyboard-interactive,password",
    "NumberOfPasswordPrompts=3",
    "IdentityAgent=none",
)
SECONDS = 5


def shell_call(
    folder: Folder,
    federation: Federation,
    name: str,
    command: Sequence[str],
    *,
    agent: Path | None,
    user: str | None = None,
    tty: bool,
) -> list[str]:
    """Return the call of the system's ssh that opens a shell on a node, or runs a command there.

    command
        Words that ssh joins by blanks for the user's shell there; none for a login shell.
    agent
        Socket of the ssh-agent that holds the identity.
    user
        Log in as this user by that user's password, which ssh asks for, instead of with the identity.
    tty
        Whether the node is to give it a terminal.

    The host key is the pinned one or there is no login, whoever logs in.
    """
    node = federation.nodes[name]
    first = [word for option in AS_ANOTHER for word in ("-o", option)] if user else []
    return [
        "ssh",
        *first,
        *ssh_arguments(folder, federation, name, agent=agent),
        *(["-t"] if tty else []),
        f"{user or node.user}@{node.address}",
        *(["--", *command] if command else []),
    ]


def run_shell(call: Sequence[str]) -> int:
    """Run ssh with our own stdin, stdout, stderr and terminal; return its exit code, 128 and more for a signal.

    Raises Damaged if there is no ssh on this machine; KeyboardInterrupt once ssh has ended, if we were to stop.
    """
    try:
        process = subprocess.Popen(call, env=ssh_environment())
    except FileNotFoundError:
        raise no_ssh() from None
    try:
        status = process.wait()
    except BaseException:  # a Ctrl-C reaches ssh too, and it ends by itself; another signal was meant for us alone
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        raise
    return status if status >= 0 else 128 - status

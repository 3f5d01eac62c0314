"""An ssh-agent for one command that looks and does not touch: it holds the identity, and not the federation.

A shell or a watch may last for hours. It must neither keep an apply waiting nor lose its key when that apply ends and
locks the vault behind it, so it takes the identity out once and lets go of the lock and of the vault.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from mip_salt.errors import Busy, Damaged, LoginRefused
from mip_salt.federation.folder import Folder
from mip_salt.federation.lock import locked
from mip_salt.vault import session
from mip_salt.vault.agent import LIFETIME, alive, empty, give, open_identity
from mip_salt.vault.gpg import environment
from mip_salt.vault.identity import identity_passphrase
from mip_salt.vault.keyring import Vault
from mip_salt.vault.session import Passphrase, held, open_session

# ssh-agent ends within ten seconds of the command that it was started with (measured, OpenSSH 9.2), and cat ends when
# its stdin does: when this process is no more, however it ended.
UNTIL_WE_END = 'echo "$SSH_AGENT_PID"; exec cat'


@contextmanager
def identity_agent(folder: Folder, passphrase: Passphrase, what: str) -> Iterator[Path]:
    """Give the socket of an agent that holds the identity for the time of a ``with``.

    what
        What to call this run while it holds the federation, which is only until the vault has been opened.

    After `vault unlock` it is the federation's own agent, so that `vault lock` ends it too. While another command has
    the vault open, nothing is asked.

    Raises LoginRefused after three wrong passphrases, Damaged if vault or identity is missing, Busy if another
    command holds the federation and has not opened its vault.
    """
    secret = _secret(folder, passphrase, what)
    if secret is None:
        yield folder.agent_socket
        return
    with _agent(folder, secret) as agent_socket:
        yield agent_socket


def lock(folder: Folder) -> None:
    """Close the vault, and take the identity from the agents of other commands.

    What is connected goes on, a shell or a log that is followed; nothing connects any more.
    """
    session.lock(folder)
    for agent_socket in folder.run.glob("agent.[0-9]*"):
        empty(agent_socket)


def _secret(folder: Folder, passphrase: Passphrase, what: str) -> str | None:
    """Return what opens the identity, or None if the federation's own agent holds it until `vault lock`."""
    vault = Vault(folder)
    try:
        with locked(folder, what), open_session(folder, passphrase) as vault:
            return None if folder.unlocked.is_file() else identity_passphrase(folder, vault)
    except Busy:
        if held(folder, vault) and alive(folder):
            return None
        if not vault.unlocked():
            raise
        with suppress(LoginRefused, Damaged):  # it has ended this very moment
            return identity_passphrase(folder, vault)
        raise


@contextmanager
def _agent(folder: Folder, secret: str) -> Iterator[Path]:
    key, agent_socket = open_identity(folder, secret), folder.run / f"agent.{os.getpid()}"
    agent_socket.unlink(missing_ok=True)
    call = ["ssh-agent", "-a", str(agent_socket), "-t", str(LIFETIME), "sh", "-c", UNTIL_WE_END]
    pipe = subprocess.PIPE
    # In a session of its own: a Ctrl-C that is meant for a shell on a node is not meant for it.
    with subprocess.Popen(
        call, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True
    ) as process:
        stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        pid = 0
        try:
            pid = int(stdout.readline() or 0)
            if not pid:
                raise Damaged(
                    f"ssh-agent did not start on {agent_socket}", hint="Look at the disk and the owner of that folder."
                )
            give(agent_socket, key)
            del key
            yield agent_socket
        finally:
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            stdin.close()
            agent_socket.unlink(missing_ok=True)

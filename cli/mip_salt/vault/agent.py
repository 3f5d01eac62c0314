"""The federation's private ssh-agent: it holds the identity while the vault is unlocked, and nothing else does."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.errors import Damaged
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.vault.gpg import environment

if TYPE_CHECKING:
    from asyncssh import SSHKey

LIFETIME = 28800  # seconds; as long as gpg-agent holds the vault's key
SECONDS = 10
# SSH_AGENTC_REQUEST_IDENTITIES, and its answer's type; SSH_AGENTC_REMOVE_ALL_IDENTITIES (draft-miller-ssh-agent).
LIST, ANSWER, MAX_ANSWER = b"\x00\x00\x00\x01\x0b", b"\x0c", 1 << 16
REMOVE_ALL = b"\x00\x00\x00\x01\x13"


def start(folder: Folder, passphrase: str) -> None:
    """Start the agent and give it the identity, decrypted in this process: no argv, environment or file sees it.

    Raises Damaged if ssh-agent is missing, or the identity cannot be opened.
    """
    key = open_identity(folder, passphrase)
    stop(folder)
    call = ["ssh-agent", "-a", str(folder.agent_socket), "-t", str(LIFETIME)]
    done = subprocess.run(call, capture_output=True, text=True, env=environment(), timeout=SECONDS, check=False)
    found = re.search(r"SSH_AGENT_PID=(\d+)", done.stdout)
    if done.returncode or not found:
        raise Damaged(
            f"ssh-agent did not start on {folder.agent_socket}",
            hint=f"Look at the disk and the owner of {folder.run}; then: mip-salt -f {folder.name} vault unlock",
        )
    write_atomic(_pid_file(folder), found[1])

    try:
        give(folder.agent_socket, key)
    except BaseException:
        stop(folder)
        raise


def open_identity(folder: Folder, passphrase: str) -> SSHKey:
    """Return the identity, decrypted in this process.

    Raises Damaged if ssh-agent is missing, or the identity cannot be opened.
    """
    import shutil

    import asyncssh

    if shutil.which("ssh-agent") is None:
        raise Damaged("ssh-agent is not installed", hint="apt-get install openssh-client")
    try:
        with few_rounds():
            return asyncssh.read_private_key(str(folder.identity), passphrase)
    except (OSError, ValueError) as err:
        raise Damaged("the identity cannot be opened", hint=f"Restore {folder.ssh} from a backup.") from err


def give(agent_socket: Path, key: SSHKey) -> None:
    """Give the agent on a socket a key, over that socket alone."""
    import asyncio

    import asyncssh

    async def add() -> None:
        async with asyncssh.connect_agent(str(agent_socket)) as agent:
            await agent.add_keys([key], lifetime=LIFETIME)

    asyncio.run(add())


@contextmanager
def few_rounds() -> Iterator[None]:
    """Silence bcrypt's advice to take more rounds: the identity's passphrase has 256 random bits."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Warning: bcrypt\.kdf")
        yield


def stop(folder: Folder) -> None:
    """End the agent that `start` started, if it still is that one."""
    try:
        pid = int(_pid_file(folder).read_text("ascii"))
        if str(folder.agent_socket).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + SECONDS
            # It removes its socket when it ends; its process may linger as a zombie until init looks.
            while folder.agent_socket.exists() and time.monotonic() < deadline:
                time.sleep(0.005)
    except (OSError, ValueError):
        pass  # none was started, or it has ended
    _pid_file(folder).unlink(missing_ok=True)
    folder.agent_socket.unlink(missing_ok=True)


def alive(folder: Folder) -> bool:
    """Say whether the agent answers and holds the identity. Standard library only: Salt's roster asks it too."""
    try:
        blob = base64.b64decode(folder.identity_public.read_text("ascii").split()[1])
        with socket.socket(socket.AF_UNIX) as agent, agent.makefile("rb") as answers:
            agent.settimeout(SECONDS)
            agent.connect(str(folder.agent_socket))
            agent.sendall(LIST)
            body = answers.read(min(int.from_bytes(answers.read(4), "big"), MAX_ANSWER))
    except (OSError, IndexError, ValueError):
        return False
    return body[:1] == ANSWER and blob in body


def empty(agent_socket: Path) -> None:
    """Take all keys from the agent on a socket; one that has ended holds none."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(SECONDS)
        agent.connect(str(agent_socket))
        agent.sendall(REMOVE_ALL)
        agent.recv(MAX_ANSWER)


def _pid_file(folder: Folder) -> Path:
    return folder.run / "ssh-agent.pid"

"""Open connections that commands share: one ssh master a node, and only while `vault unlock` holds the vault open.

The first ssh to a node becomes its master: once it has logged in, OpenSSH puts a process of its own behind it (in a
session of its own, its standard streams closed), which outlives the command. What comes next costs 10 ms instead of a
login. A master ends by itself when nobody has used it for a minute.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
import subprocess
import time
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.federation.folder import Folder
from mip_salt.federation.ssh_options import destination, ssh_arguments
from mip_salt.vault.agent import alive
from mip_salt.vault.gpg import environment

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

PERSIST_SECONDS = 60
# However busy it is kept: by then host key and login are proven anew.
MAX_AGE_SECONDS = 600.0
STOP_SECONDS = 2.0
# A node that is there answers within a network's round trip and the start of a shell.
SECONDS = 4.0
PROVEN_SECONDS = 10.0
# A Unix socket's path ends at 107 bytes, and ssh binds it under its name with 17 more (OpenSSH, mux.c).
MAX_PATH = 90
DIGEST = 12
# What ssh would read as more than a path: blanks, quotes, %h, ${HOME}.
PLAIN = re.compile(r"/[A-Za-z0-9_./+-]+\Z")
# When this process last saw that a master leads somewhere.
_proven: dict[Path, float] = {}


def fits(folder: Folder) -> bool:
    """Say whether a federation's path leaves room for its masters' sockets; else every ssh logs in by itself."""
    path = os.fsencode(folder.masters / ("x" * DIGEST))
    return len(path) <= MAX_PATH and PLAIN.match(str(folder.masters)) is not None


def options(path: Path | None, *, fresh: bool = False, prove: bool = True) -> list[str]:
    """Return the arguments that let ssh use a node's master, or become it; none if it is to log in by itself.

    path
        As control_path tells it.
    fresh
        Stop the master that is there, so that the node proves its host key, and we log in, anew.
    prove
        See first that the masters of all nodes lead somewhere; false for who sees that himself.

    Of an option ssh takes the first: these go before all others.
    """
    if path is None:
        return []
    if fresh or _old(path):
        stop([path])
    elif prove and there(path):
        _prove(path.parent)
    words = ("ControlMaster=auto", f"ControlPersist={PERSIST_SECONDS}", f"ControlPath={path}")
    return [word for option in words for word in ("-o", option)]


def control_path(folder: Folder, federation: Federation, name: str, *, agent: Path | None = None) -> Path | None:
    """Return the socket of a node's master, whether there is one or not; None if there may be none.

    That is so while the vault is not held open, for a node behind a bastion (OpenSSH 9.2 tells nothing of why a bastion
    refuses once its ssh may become a master), and where the path is too long. The socket's name depends on all that
    tells whom ssh reaches, how, and as whom: any change makes it another.

    agent
        Socket of the ssh-agent that holds the identity; one of a single command's makes no master.
    """
    if agent not in (None, folder.agent_socket) or federation.nodes[name].bastion or not fits(folder):
        return None
    if not folder.unlocked.is_file() or not alive(folder) or not _private(folder.masters):
        return None
    try:
        files = (folder.known_hosts.read_bytes(), folder.identity_public.read_bytes())
    except OSError:
        return None
    told = [*ssh_arguments(folder, federation, name), destination(federation.nodes[name])]
    digest = hashlib.sha256(b"\0".join([*map(os.fsencode, told), *files])).digest()
    return folder.masters / b32encode(digest).decode("ascii").lower()[:DIGEST]


def there(path: Path | None) -> bool:
    """Say whether a node has a master; whether that still leads to the node, only its use tells."""
    return path is not None and path.is_socket()


def close(folder: Folder) -> None:
    """Let no command use a master of a federation any more; each ends with the last of what still runs over it."""
    with suppress(OSError):
        stop(folder.masters.iterdir())


def stop(paths: Iterable[Path]) -> None:
    """Have masters take nothing new, and end once what runs over them has ended; none of them is waited for long."""
    there = [path for path in paths if path.is_socket()]
    call = ("ssh", "-F", "/dev/null", "-O", "stop")
    done = _answers({path: [*call, "-o", f"ControlPath={path}", "master"] for path in there}, STOP_SECONDS)
    for path in set(there) - done:  # it was killed, or stands still: without its socket nobody gets to it
        path.unlink(missing_ok=True)


def _prove(place: Path) -> None:
    """Stop the masters that lead nowhere; all are asked at once, and each but once in a while."""
    now = time.monotonic()
    paths = [
        path for path in place.iterdir() if path.is_socket() and now - _proven.get(path, -math.inf) > PROVEN_SECONDS
    ]
    # Without a master it is not to log in by itself, wherever "master" may be.
    more = ("-o", "ProxyCommand=false", "-o", "BatchMode=yes", "master", "true")
    good = _answers({path: ["ssh", "-F", "/dev/null", "-o", f"ControlPath={path}", *more] for path in paths}, SECONDS)
    stop(set(paths) - good)
    _proven.update(dict.fromkeys(good, time.monotonic()))


def _answers(calls: Mapping[Path, Sequence[str]], seconds: float) -> set[Path]:
    """Run calls of ssh side by side, for so long in all; return those that end well."""
    running: dict[Path, subprocess.Popen[bytes]] = {}
    quiet = subprocess.DEVNULL
    until = time.monotonic() + seconds
    for path, call in calls.items():
        with suppress(FileNotFoundError):
            running[path] = subprocess.Popen(call, stdin=quiet, stdout=quiet, stderr=quiet, env=environment())
    good = set()
    for path, process in running.items():
        try:
            if process.wait(max(0.0, until - time.monotonic())) == 0:
                good.add(path)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return good


def _old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > MAX_AGE_SECONDS
    except OSError:
        return False


def _private(place: Path) -> bool:
    """Make the folder of the sockets, if need be; say whether nobody else gets into it."""
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077

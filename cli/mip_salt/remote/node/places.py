"""What a run has of its node: a folder in memory, the node itself if states are to run, and thins of former days."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Send = Callable[[str, Any], None]

PLACES = ("/run/mip-salt", "/dev/shm/mip-salt")  # the second may be anyone's: it is looked at
LOCK = "/run/mip-salt.lock"
KEEP_SECONDS = 30 * 86400  # a thin that nobody asked for in so long is removed


class Stopped(BaseException):
    """The pusher is gone, or wants no more."""


def own_folder() -> str:
    """Return a root-owned folder in memory for what may be secret; it goes when this process does, however it ends."""
    place = _memory()
    base = os.open(place, os.O_RDONLY)
    fcntl.flock(base, fcntl.LOCK_EX)
    try:
        for name in os.listdir(place):
            if name.startswith("run-"):
                _sweep(f"{place}/{name}")
        own = tempfile.mkdtemp(prefix="run-", dir=place)
        fcntl.flock(os.open(own, os.O_RDONLY), fcntl.LOCK_EX)
    finally:
        os.close(base)
    end, _mine = os.pipe()
    if os.fork() == 0:
        _guard(end, own)
    os.close(end)
    tempfile.tempdir = own + "/tmp"
    os.mkdir(tempfile.tempdir)
    return own


def _memory() -> str:
    """Return a folder of root's alone that lies in memory, where programs may run if there is such a place.

    Salt runs scripts from its temporary files, and Debian's /run may run none.
    """
    made = []
    for place in PLACES:
        with contextlib.suppress(OSError):
            os.makedirs(place, 0o700, exist_ok=True)
            found = os.lstat(place)
            if stat.S_ISDIR(found.st_mode) and not found.st_uid and not found.st_mode & 0o077:
                made.append(place)
                if not os.statvfs(place).f_flag & os.ST_NOEXEC:
                    return place
    if not made:
        raise OSError(f"{' and '.join(PLACES)} are not root's alone")
    return made[0]


def _sweep(folder: str) -> None:
    """Remove what a run left that was killed together with its guard."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(fd)


def _guard(end: int, own: str) -> None:
    """Become a shell that waits for the runner's end, however it ends, and then removes its folder; never return."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd, other in ((0, end), (1, null), (2, null)):
            os.dup2(other, fd)
        os.closerange(3, 256)
        os.chdir("/")
        os.execv("/bin/sh", ["sh", "-c", 'read end; rm -rf -- "$1"', "mip-salt-guard", own])
    finally:
        os._exit(1)


def clean(config: dict[str, Any]) -> None:
    """Mark this run's thin as used, and remove those that nobody uses any more."""
    home, now = config["home"], time.time()
    for name in os.listdir(home):
        path = f"{home}/{name}"
        if name == config["thin"]:
            os.utime(path, (now, now))
        elif name != "var" and now - os.lstat(path).st_mtime > KEEP_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def hold(who: str, send: Send) -> None:
    """Hold the node for our runs of states until this process ends; if somebody else holds it, tell who, and end."""
    fd = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            holder = json.loads(os.pread(fd, 4096, 0))
            send("b", {"who": holder["who"], "seconds": time.time() - holder["since"]})
        except (ValueError, KeyError, TypeError):
            send("b", {})
        raise Stopped from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps({"who": who, "since": time.time()}).encode(), 0)

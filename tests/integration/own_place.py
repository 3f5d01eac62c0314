"""A network, mounts and cgroups of this process's own: a lab in there is in nobody's way."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO

from mip_salt.lab import images
from mip_salt.lab.base import base_path, build
from mip_salt.lab.cgroups import hierarchies, host_has_systemd
from mip_salt.lab.lab import default_folder
from mip_salt.lab.tools import silent
from waiting import until
from wheelhouse import wheelhouse

# sched.h; Python has it from 3.12.
NEWNS, NEWCGROUP, NEWNET = 0x20000, 0x2000000, 0x40000000
GROUP = "mip-salt-second-lab"
# Held by the process that has them, as long as it lives.
LOCK = Path("/run/mip-salt-second-lab.lock")
_entered = False
_held: IO[str]


def possible() -> bool:
    """Say whether a process may have them: as root, and where no systemd of the host must make a lab's groups."""
    return os.geteuid() == 0 and not host_has_systemd()


def entered() -> bool:
    """Say whether this process has them."""
    return _entered


def enter() -> None:
    """Leave this machine's network, /run and cgroups for ones of this process's own, once; for good.

    What a killed process left running in its own is ended.

    Raises BlockingIOError while another process has them.
    """
    global _entered, _held
    if _entered:
        return
    _held = LOCK.open("w")
    fcntl.flock(_held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _entered = True
    download()
    tops = hierarchies()
    assert until(lambda: not left(tops), 30), f"processes of a killed run in {GROUP}: {left(tops)}"
    for top in tops:
        (top / GROUP).mkdir(exist_ok=True)
        (top / GROUP / "cgroup.procs").write_text(str(os.getpid()))
    if ctypes.CDLL(None, use_errno=True).unshare(NEWNS | NEWCGROUP | NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    script = ["set -e", "ip link set lo up", "mount --make-rprivate /", "mount -t tmpfs -o mode=755 tmpfs /run"]
    script.append("mkdir -p /run/netns /run/lock /run/user /run/sshd")
    for top in tops:
        # Mounted anew, a hierarchy begins at the group of who mounts it.
        kind = "cgroup2 cgroup2" if (top / "cgroup.controllers").exists() else "cgroup -o none,name=systemd cgroup"
        script.append(f"umount {top}; mount -t {kind} {top}")
    subprocess.run(["sh", "-c", "\n".join(script)], check=True)


def left(tops: list[Path]) -> set[int]:
    """End the processes that are in the group, and return them: no other session has it now."""
    found = {int(pid) for top in tops for one in (top / GROUP).rglob("cgroup.procs") for pid in one.read_text().split()}
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def forget() -> None:
    """Remove the cgroups of a process that had them and has ended."""
    for top in hierarchies():
        for folder, _, _ in os.walk(top / GROUP, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()


def download() -> None:
    """Fetch what a lab needs from a network, while there is one."""
    folder = Path(os.environ.get("MIP_SALT_LAB_BASE") or default_folder() / "base")
    build(base_path(folder, "bookworm", docker=True), "bookworm", True, silent)
    images.build(folder, silent)
    wheelhouse()

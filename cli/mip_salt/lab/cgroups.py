"""A cgroup for each machine, where no systemd of the host gives it one.

Without it every machine of the host runs its services in the same groups (`/payload/system.slice/ssh.service`), and
one machine's systemd waits for, or ends, what is another's. Measured, systemd-nspawn 252 with --keep-unit.
"""

from __future__ import annotations

import os
import time
from pathlib import Path


def host_has_systemd() -> bool:
    """Say whether systemd runs this machine: then systemd-nspawn asks it for a scope."""
    return Path("/run/systemd/system").is_dir()


def make_groups(machine: str) -> list[Path]:
    """Make a machine's cgroup in each hierarchy that systemd uses; return the folders."""
    groups = [top / machine for top in hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def machines_with_groups() -> set[str]:
    """Return the names that have a cgroup where `make_groups` makes them, whatever made those."""
    return {group.name for top in hierarchies() for group in top.iterdir() if group.is_dir()}


def remove_groups(machine: str, patience: float = 3) -> None:
    """Remove a machine's cgroups, once its processes are gone.

    patience
        Seconds to wait for the kernel to have emptied them.
    """
    end = time.monotonic() + patience
    for top in hierarchies():
        for folder, _, _ in os.walk(top / machine, topdown=False):
            while not _removed(Path(folder)) and time.monotonic() < end:
                time.sleep(0.02)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def hierarchies() -> list[Path]:
    """Return where systemd's cgroup hierarchies are mounted: cgroup2, and name=systemd of the older kind."""
    if host_has_systemd():
        return []
    found = []
    for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(before.split()[4]))
    return found

"""A node's disk: its own layer over the base."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.lab.tools import call, succeeds


def mounted_under(folder: Path) -> list[Path]:
    """Return what is mounted on a folder and below it, deepest first; an overlay counts for its base too."""
    found = []
    for line in Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines():
        point, options = line.split(" ")[1], line.split(" ")[3]
        where = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal.group(1), 8)), point))
        if where.is_relative_to(folder) or f"lowerdir={folder}," in f"{options},":
            found.append(where)
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def mount(node: Path, base: Path) -> Path:
    """Mount a node's disk, if it is not mounted; return where.

    node
        The node's folder in the lab.
    """
    root = node / "root"
    if root in mounted_under(root):
        return root
    # A volatile overlay never waits for the real disk; it asks that the work folder be new at each mount.
    shutil.rmtree(node / "work", ignore_errors=True)
    for part in ("upper", "work", "root"):
        (node / part).mkdir(mode=0o755, parents=True, exist_ok=True)
        (node / part).chmod(0o755)
    layers = f"lowerdir={base},upperdir={node / 'upper'},workdir={node / 'work'},volatile"
    call(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)])
    return root


def unmount(point: Path, seconds: float = 5) -> None:
    """Unmount a mount point.

    seconds
        How long to wait for the last process of a machine that just ended.

    Raises Damaged if it is still busy then.
    """
    end = time.monotonic() + seconds
    while point in mounted_under(point):
        if succeeds(["umount", str(point)]):
            continue
        if time.monotonic() > end:
            raise Damaged(f"{point} cannot be unmounted", hint=f"See who uses it: fuser -vm {point}")
        time.sleep(0.05)

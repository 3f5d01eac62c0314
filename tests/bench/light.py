"""Light nodes: an sshd each, on a disk and with a hostname of its own; no systemd, so a hundred are up at once.

They listen on loopback, at 127.77.x.y, and use this machine's CPU as the pusher does: trust what they say of CPU.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from mip_salt.lab.base import USER
from mip_salt.lab.disk import mounted_under, unmount
from mip_salt.lab.tools import call, put

from bench.cgroups import Group
from bench.nodes import Node, Nodes, ids

PORT = 22
UP_SECONDS = 30.0
SSHD = """Port 22
ListenAddress {address}
UsePAM yes
PrintMotd no
MaxStartups 200
PidFile /run/sshd.pid
Subsystem sftp internal-sftp
"""


@contextmanager
def light(count: int, base: Path, work: Path) -> Iterator[Nodes]:
    """Bring up light nodes over an image, and take them away at the end.

    base
        As nodes.base_image tells it.
    work
        The folder of their disks; in memory, if /tmp or /run is.
    """
    group = Group("mip-bench-nodes")
    work.mkdir(mode=0o700, parents=True)
    try:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda row: _up(*row, base, work, group), enumerate(ids(count), 1)))
        yield Nodes("light nodes: an sshd each, on this machine", made, [group.folder])
    finally:
        group.remove()
        for point in mounted_under(work):
            unmount(point)
        shutil.rmtree(work)


def _up(number: int, name: str, base: Path, work: Path, group: Group) -> Node:
    address, hostname, password = f"127.77.{number >> 8}.{number & 255}", f"light-{name}", secrets.token_urlsafe(12)
    root = _disk(base, work / name)
    put(root / "etc/hostname", f"{hostname}\n")
    put(root / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n")
    put(root / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    put(root / "etc/ssh/sshd_config", SSHD.format(address=address))
    # With systemctl there pyinfra asks it, and no systemd answers; Salt asks runlevel, which is a name of systemctl.
    for tool in ("usr/bin/systemctl", "usr/sbin/runlevel"):
        (root / tool).unlink(missing_ok=True)
    put(root / "usr/sbin/runlevel", "#!/bin/sh\necho N 2\n", 0o755)
    call(["chroot", str(root), "chpasswd"], stdin=f"{USER}:{password}\n")
    # One key: an RSA key each would take longer than all the rest.
    own = str(root / "etc/ssh/ssh_host_ed25519_key")
    call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", own])
    key = call(["ssh-keygen", "-l", "-E", "sha256", "-f", f"{own}.pub"]).split()[1]
    start = (
        f"hostname {hostname}; mount --rbind /dev {root}/dev; mount -t proc proc {root}/proc; "
        f"mount -t tmpfs -o mode=755 run {root}/run; mkdir {root}/run/sshd {root}/run/lock; "
        f"exec chroot {root} /usr/sbin/sshd -D -e"
    )
    words = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "sh", "-c", start]
    with (work / name / "log").open("w") as log:
        subprocess.Popen(
            group.entering(words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _wait(address, work / name / "log")
    return Node(name, address, PORT, USER, password, key, hostname)


def _disk(base: Path, folder: Path) -> Path:
    for part in ("upper", "work", "root"):
        (folder / part).mkdir(mode=0o755, parents=True)
    layers = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'},volatile"
    call(["mount", "-t", "overlay", "overlay", "-o", layers, str(folder / "root")])
    return folder / "root"


def _wait(address: str, log: Path) -> None:
    end = time.monotonic() + UP_SECONDS
    while time.monotonic() < end:
        try:
            with socket.create_connection((address, PORT), timeout=5) as link:
                if link.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"bench: the light node at {address} does not answer:\n{log.read_text('utf-8', 'replace')[-500:]}")

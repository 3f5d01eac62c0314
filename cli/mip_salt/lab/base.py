"""The disk that all nodes of a release share, never written to after it is built."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from mip_salt.errors import Busy, Damaged
from mip_salt.lab.disk import mounted_under, unmount
from mip_salt.lab.sources import apt_sources
from mip_salt.lab.tools import Progress, call
from mip_salt.printable import printable

PACKAGES = ["systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "sudo", "iproute2", "procps"]
# A lab's machines reach no mirror, so what the highstate would install is there already.
DOCKER = ["docker.io", "docker-compose", "git", "iptables", "ca-certificates"]
# Since trixie the client is a package of its own.
DOCKER_SINCE_TRIXIE = [*DOCKER, "docker-cli"]
# What no lab's machine needs, its clock being this machine's, lies beside: a test sees apply install it.
DEBS, BESIDE = "srv/debs", "chrony"
# Nobody reads manuals in a lab. Removed at the end: mmdebstrap excludes files at half its speed (measured).
UNREAD = "doc info locale man"
# Work that a machine of a few hours does not need and that its first boot would wait for or be slowed by.
MASKED = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty@tty1.service",
    "console-getty.service",
    "systemd-firstboot.service",
]
# Docker's engine needs cgroups that systemd-nspawn mounts read-only.
DOCKER_CGROUPS = """[Service]
ExecStartPre=-/bin/sh -c 'for c in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw $c; done'
"""
USER = "mipadmin"
SECONDS = 900
# A base of another recipe may be another checkout's: two that take turns would build theirs again each time.
KEPT = 7 * 24 * 3600
BUILDING = ".building-"


def recipe(release: str, docker: bool) -> list[str]:
    """Return mmdebstrap's words for a base, but for what depends on this machine."""
    packages = PACKAGES + ((DOCKER_SINCE_TRIXIE if release == "trixie" else DOCKER) if docker else [])
    groups = "sudo,docker" if docker else "sudo"
    return [
        *("--mode=root", "--variant=apt", "--format=directory", f"--include={','.join(packages)}"),
        "--dpkgopt=force-unsafe-io",  # a base that is lost in a crash is built again
        '--aptopt=Acquire::Languages "none"',
        f'--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash --groups {groups} {USER}',
        '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/resolv.conf "$1"/var/lib/dbus/machine-id',
        f'--customize-hook=APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --yes --download-only install {BESIDE}'
        f' && mkdir "$1"/{DEBS} && mv "$1"/var/cache/apt/archives/*.deb "$1"/{DEBS}',
        f'--customize-hook=cd "$1"/usr/share && rm -rf {UNREAD} && mkdir {UNREAD}',
        f'--customize-hook=cd "$1"/etc/systemd/system && for u in {" ".join(MASKED)}; do ln -sf /dev/null "$u"; done',
    ]


def base_path(cache: Path, release: str, docker: bool) -> Path:
    """Return where a base lies; another recipe lies elsewhere, so a base is never stale."""
    digest = hashlib.sha256(repr((recipe(release, docker), DOCKER_CGROUPS)).encode()).hexdigest()[:8]
    return cache / f"{release}{'-docker' if docker else ''}-{digest}"


def build(path: Path, release: str, docker: bool, progress: Progress) -> None:
    """Build a base, if it is not there; it appears whole or not at all. Unused ones of other recipes go after a week.

    path
        As base_path tells it.

    Raises Damaged with mmdebstrap's first error.
    """
    cache = path.parent
    if path.is_dir():
        return
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_builder(cache, progress) as lock:
        if path.is_dir():
            return
        for left in cache.glob(f"{BUILDING}*"):
            discard(left)
        for other in cache.glob(f"{path.name[:-8]}????????"):
            if other.stat().st_mtime < time.time() - KEPT and not mounted_under(other):
                discard(other)
        progress(f"building the base image of {release}, once (half a minute or so)")
        work = Path(tempfile.mkdtemp(prefix=BUILDING, dir=cache))
        try:
            _mmdebstrap(work, release, docker, lock, progress)
            os.utime(work / "root")
            (work / "root").rename(path)
        finally:
            discard(work)


def discard(folder: Path, seconds: float = 10) -> None:
    """Remove a folder in which an ended build may have left mounts, and may still be ending.

    Raises Damaged if it is still there after so many seconds.
    """
    end = time.monotonic() + seconds
    while folder.exists():
        for point in mounted_under(folder):
            unmount(point)
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > end:
            raise Damaged(f"{folder} cannot be removed", hint=f"See who uses it: fuser -vm {folder}")


def discard_all(cache: Path) -> None:
    """Remove all bases.

    Raises Busy if a machine runs on one of them.
    """
    for base in cache.glob("*"):
        for point in mounted_under(base):
            raise Busy(f"{base} is in use: {point}", hint="Take that lab down first.")
    discard(cache)


@contextmanager
def _only_builder(cache: Path, progress: Progress) -> Iterator[int]:
    """Hold the cache; a build whose mip-salt was killed holds it too, until it ends."""
    lock = os.open(cache / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another build of a base image")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _mmdebstrap(work: Path, release: str, docker: bool, lock: int, progress: Progress) -> None:
    root = work / "root"
    sources = apt_sources(release)
    (work / "lab.sources").write_text(sources, "utf-8")
    # A proxy or a private authority that apt needs here is needed for the base too, but not left in it.
    settings = [line for line in call(["apt-config", "dump"]).splitlines() if re.match(r"Acquire::https?::", line)]
    (work / "apt.conf").write_text("\n".join([*settings, ""]), "utf-8")
    words = [
        *("mmdebstrap", *recipe(release, docker), f"--aptopt={work / 'apt.conf'}"),
        '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap',
        *(release, str(root), *([str(work / "lab.sources")] if sources else [])),
    ]
    said = _run(words, lock, progress)
    if said:
        raise Damaged(
            f"the base image of {release} could not be built: {printable(said)}",
            hint="Look at this machine's apt sources: the base comes from the same mirrors.",
        )
    if docker:
        drop_in = root / "etc/systemd/system/docker.service.d/cgroup.conf"
        drop_in.parent.mkdir(mode=0o755, parents=True)
        drop_in.write_text(DOCKER_CGROUPS, "utf-8")


def _run(words: list[str], lock: int, progress: Progress) -> str:
    """Run mmdebstrap; return its first error, empty if it succeeded.

    lock
        A file descriptor that it keeps open.
    """
    error = ""
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        umask=0o022,
        pass_fds=[lock],
        start_new_session=True,
    ) as builder:
        deadline = Timer(SECONDS, os.killpg, (builder.pid, signal.SIGTERM))
        deadline.start()
        try:
            for line in builder.stderr or ():
                line = line.strip()
                if line.startswith("I: ") and line.endswith("..."):
                    progress(f"  {printable(line[3:-3])}")
                elif line.startswith(("E:", "Err:")):
                    error = error or line
        except BaseException:
            os.killpg(builder.pid, signal.SIGTERM)  # it then takes its own mounts down
            raise
        finally:
            deadline.cancel()
    return error or f"mmdebstrap exited with {builder.returncode}" if builder.returncode else ""

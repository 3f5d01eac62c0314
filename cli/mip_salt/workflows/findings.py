"""What is well with a node and what is not, each with its remedy: for `node check` all of it, for `status` the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mip_salt.errors import EXIT_CODES, worst
from mip_salt.federation.seen import Disk, Sighting
from mip_salt.remote.oldest import OLDEST

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

# CVE-2023-28840: below these the engine's overlay networks may carry data in clear.
SAFE_ENGINES = ((23, 0, 3), (20, 10, 24))
# Seconds; tokens and certificates of MIP's services are valid from the second they are made.
SKEW_WARN, SKEW_FAIL = 2.0, 60.0
GIB = 1024 * 1024  # in KiB
TIME_SYNC = "time sync"


class Level(str, Enum):
    """How it is, in one word."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value


class Finding(NamedTuple):
    """One thing that was looked at.

    what
        Its name.
    said
        How it is, in words.
    remedy
        What to do about it; empty if nothing is to be done.
    kind
        Of an error, if it fails: which exit code it means.
    """

    what: str
    level: Level
    said: str
    remedy: str = ""
    kind: str = "failed"


def exit_code(found: Iterable[Finding]) -> int:
    """Return the exit code that findings mean: the most serious failure's; a warning is none."""
    return worst(EXIT_CODES.get(each.kind, 1) for each in found if each.level is Level.FAIL)


def data_of(federation: Federation) -> str:
    """Return the path of a federation's data on its nodes."""
    return f"{federation.settings.data.path}/{federation.federation}"


def measured_paths(federation: Federation) -> list[str]:
    """Return the paths whose file systems are measured: the system's, Salt's, and the federation's data."""
    return ["/", "/var/tmp", data_of(federation)]  # noqa: S108 - where salt-ssh puts its files on a node


def findings(federation: Federation, name: str, seen: Sighting) -> list[Finding]:
    """Return what is to be said of a node that answers, in the order in which an operator would look."""
    return [
        _hostname(federation, name, seen),
        _sudo(federation, name, seen),
        _python(seen),
        *_disks(federation, seen),
        _clock(seen),
        _time_sync(federation, name, seen),
        _engine(seen),
    ]


def troubles(federation: Federation, name: str, seen: Sighting) -> list[Finding]:
    """Return what is not well, the worst first; one line for paths that share a disk, and nothing that is unknown.

    A clock that is right is no trouble, whoever keeps it right: the host of a virtual machine may.
    """
    bad = [found for found in findings(federation, name, seen) if found.level in (Level.WARN, Level.FAIL)]
    if seen.skew is not None and abs(seen.skew) <= SKEW_WARN:
        bad = [found for found in bad if found.what != TIME_SYNC]
    once: dict[object, Finding] = {}
    for found in bad:
        path = found.what.removeprefix("disk ")
        disk = seen.disks.get(path) if path != found.what else None
        once.setdefault((disk.size, disk.free) if disk else found.what, found)
    return sorted(once.values(), key=lambda found: found.level is not Level.FAIL)


def _hostname(federation: Federation, name: str, seen: Sighting) -> Finding:
    if "." in seen.hostname:
        return Finding(
            "hostname",
            Level.WARN,
            f"{seen.hostname} has dots: its tools take the first part for its name, and others take all of it",
            f"mip-salt -f {federation.federation} node rename {name}",
        )
    return Finding("hostname", Level.OK, seen.hostname)


def _sudo(federation: Federation, name: str, seen: Sighting) -> Finding:
    user = federation.nodes[name].user
    said = {
        "root": (Level.OK, "not needed: the user is root", ""),
        "nopasswd": (Level.OK, "without a password", ""),
        "password": (
            Level.FAIL,
            f"asks {user} for a password",
            f"mip-salt -f {federation.federation} configure --node {name} puts the rule back that needs none",
        ),
        "none": (
            Level.FAIL,
            f"is not installed, and {user} is not root",
            f"Have its administrator run: apt-get install -y sudo && adduser {user} sudo",
        ),
    }
    level, text, remedy = said.get(seen.sudo, (Level.UNKNOWN, "unknown", ""))
    return Finding("sudo", level, text, remedy, kind="login")


def _python(seen: Sighting) -> Finding:
    numbers = version_of(seen.python)
    wanted = ".".join(map(str, OLDEST))
    if not numbers:
        return Finding(
            "python3", Level.FAIL, "is not installed, and Salt needs it", "On it: apt-get install -y python3"
        )
    if numbers < OLDEST:
        return Finding(
            "python3",
            Level.FAIL,
            f"{seen.python}, and Salt needs {wanted} or later",
            "Upgrade its system: Debian 11 and Ubuntu 20.04 or later have it.",
        )
    return Finding("python3", Level.OK, seen.python)


def _disks(federation: Federation, seen: Sighting) -> Iterator[Finding]:
    for path in measured_paths(federation):
        disk = seen.disks.get(path)
        if disk is None:
            yield Finding(f"disk {path}", Level.UNKNOWN, "unknown: it did not tell in time")
            continue
        level = disk_level(disk)
        remedy = "" if level is Level.OK else f"Free some, or enlarge it. On it: du -xh {path} | sort -h | tail"
        yield Finding(f"disk {path}", level, disk_words(disk), remedy)


def disk_level(disk: Disk) -> Level:
    """Return how a file system is: a share of it that is little, and that is little in GiB too."""
    if disk.free < min(0.02 * disk.size, GIB):
        return Level.FAIL
    return Level.WARN if disk.free < min(0.10 * disk.size, 10 * GIB) else Level.OK


def disk_words(disk: Disk) -> str:
    """Return how much of a file system is free, in words."""
    there = "" if disk.there else "; not made yet, apply makes it"
    return f"{disk.free / GIB:.1f} of {disk.size / GIB:.1f} GiB free ({disk.percent_free:.0f}%){there}"


def _clock(seen: Sighting) -> Finding:
    if seen.skew is None:
        return Finding("clock", Level.UNKNOWN, "unknown: it did not tell")
    ahead = "ahead of" if seen.skew > 0 else "behind"
    if abs(seen.skew) <= SKEW_WARN:
        return Finding(
            "clock",
            Level.OK,
            f"{abs(seen.skew):.1f} s {ahead} this machine's" if abs(seen.skew) >= 0.05 else "this machine's",
        )
    return Finding(
        "clock",
        Level.FAIL if abs(seen.skew) > SKEW_FAIL else Level.WARN,
        f"{abs(seen.skew):.0f} s {ahead} this machine's",
        "See which of the two is wrong: date -u, on both. On the wrong one: timedatectl set-ntp true",
    )


def _time_sync(federation: Federation, name: str, seen: Sighting) -> Finding:
    if seen.synced is None:
        return Finding(TIME_SYNC, Level.UNKNOWN, "unknown: its system does not tell, as in a container")
    if seen.synced:
        return Finding(TIME_SYNC, Level.OK, "kept by NTP")
    managed = federation.settings.time_sync
    remedy = (
        f"mip-salt -f {federation.federation} apply --node {name}" if managed else "On it: timedatectl set-ntp true"
    )
    return Finding(TIME_SYNC, Level.WARN, "its clock is not kept by NTP, or not yet", remedy)


def _engine(seen: Sighting) -> Finding:
    version = seen.engine_version or "of unknown version"
    on_it = "On it: systemctl status docker; journalctl -u docker"
    if seen.engine == "running":
        numbers = version_of(seen.engine_version or "")
        if numbers and not _safe(numbers):
            said = f"Docker {version}, running, below the safe floor of 20.10.24 and 23.0.3 (CVE-2023-28840)"
            return Finding("engine", Level.WARN, said, "Have its administrator upgrade it.")
        return Finding("engine", Level.OK, f"Docker {version}, running")
    if seen.engine == "silent":
        return Finding("engine", Level.FAIL, f"Docker {version} is started and does not answer", on_it)
    if seen.engine == "stopped":
        return Finding("engine", Level.FAIL, f"Docker {version} is not running", on_it)
    if seen.engine == "none":
        return Finding("engine", Level.WARN, "none", "apply installs one")
    return Finding("engine", Level.UNKNOWN, "unknown")


def _safe(version: tuple[int, ...]) -> bool:
    newest, old = SAFE_ENGINES
    return version >= newest or (version[:2] == old[:2] and version >= old)


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: 20.10.24+dfsg1 is (20, 10, 24)."""
    numbers: list[int] = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)

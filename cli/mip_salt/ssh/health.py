"""How a machine fares, and when: one fixed script after the one for its facts, one parser that trusts no line of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from mip_salt.federation.seen import Disk
from mip_salt.ssh.facts import FACTS, one_line

CLOCK, MAGIC, END = "MIP3-clock", "MIP3", "MIP3-end"
MAX_LINES = 64
SOCKET = "/var/run/docker.sock"
ENGINES = ("running", "silent", "stopped", "none")
NUMBER = re.compile(r"[0-9]{1,15}\Z")
SECONDS = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?\Z")
VERSION = re.compile(r"[0-9][0-9A-Za-z.+~_-]{0,39}\Z")
RELEASE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}\Z")

# What `timedatectl` says of NTP is adjtimex(2): an error of less than 16 s at most (systemd, time-util.c, ntp_synced).
# Asked of the kernel it costs 2 ms of CPU; asked of systemd, which starts a service of its own for it, 75 (measured).
# Its number differs by architecture, which the facts left in a; elsewhere, and without perl (Debian always has one),
# timedatectl is asked. Where the kernel refuses, as in some containers, nobody there knows: timedatectl is refused too,
# and says no.
ADJTIMEX = {"x86_64": 159, "aarch64": 171}
KEPT = (
    'length(pack("p", 0)) == 8 or exit 2; $t = pack("x208"); syscall(shift() + 0, $t) < 0 and exit 3; '
    'exit(unpack("x24 q", $t) < 16000000 ? 0 : 1)'
)
SYNCED = one_line(rf"""
n=; case $a in {" ".join(f"{arch}) n={number};;" for arch, number in ADJTIMEX.items())} esac;
if [ -n "$n" ]; then perl -e {shlex.quote(KEPT)} "$n"; case $? in 0) n=yes;; 1) n=no;; 3) n=unknown;; *) n=;; esac; fi;
if [ -z "$n" ]; then n=$(c timedatectl show -p NTPSynchronized --value < /dev/null); fi;
printf "%s\n" "synced $n"
""")


class Health(NamedTuple):
    """How one machine fares; None is what it did not tell, or not in bounds.

    kernel
        Its release.
    uptime
        Seconds since it booted.
    engine
        ``running`` (Docker answers), ``silent`` (its service runs and Docker does not answer), ``stopped``, ``none``.
    engine_version
        Docker's version: of the engine, or of the client if the engine is not running.
    synced
        Whether its system says that its clock is kept by NTP.
    clock
        Seconds since 1970 by its own clock, taken when the answer began.
    disks
        By path: ``/``, ``/var/tmp``, and the federation's data.
    """

    kernel: str | None = None
    uptime: float | None = None
    engine: str | None = None
    engine_version: str | None = None
    synced: bool | None = None
    clock: float | None = None
    disks: Mapping[str, Disk] = MappingProxyType({})


def health_script(paths: Sequence[str]) -> str:
    """Return the script that tells the clock, then the facts, then the health.

    paths
        Absolute paths whose file systems are to be measured, of the schema's own letters.

    What may hang on a sick machine (Docker, a network file system) has a few seconds each, so that the rest arrives;
    Docker is asked as the user, and as root if he may not: each costs 30 ms of CPU, so not where its socket already
    says no. One df measures all file systems; each is measured by its own if that does not answer.
    """
    measured = " ".join(map(shlex.quote, paths))
    ask_docker = "docker version -f '{{.Server.Version}}' < /dev/null"
    return (
        f'printf "%s\\n" "{CLOCK} $(date +%s.%N)"; c() {{ timeout 4 "$@"; }}; '
        + FACTS
        + "; "
        + one_line(rf"""
set -f; k=; IFS= read -r k < /proc/sys/kernel/osrelease; u=; read -r u v < /proc/uptime;
printf "%s\n" {MAGIC} "kernel $k" "uptime $u";
e=none; v=;
if command -v docker > /dev/null; then e=running;
if [ -e {SOCKET} ]; then [ -w {SOCKET} ]; fi && v=$(c {ask_docker} | head -n 1);
if [ -z "$v" ]; then v=$(c sudo -n {ask_docker} | head -n 1); fi;
if [ -z "$v" ]; then e=stopped; if c systemctl -q is-active docker; then e=silent; fi;
v=$(c docker --version < /dev/null | sed -n "1s/^Docker version \([^ ,]*\).*/\1/p"); fi; fi;
printf "%s\n" "engine $e" "docker $v";
set --; w=; for p in {measured}; do q=$p; t=there;
until [ -e "$q" ] || [ -z "$q" ]; do t=absent; q=${{q%/*}}; done; set -- "$@" "${{q:-/}}"; w="$w$t "; done;
d() {{ c df -Pk "$@" < /dev/null; }};
l=$(d "$@") || l=$(echo; for q do printf "%s\n" "$(d "$q" | sed 1d)"; done);
printf "%s\n" "$l" | {{ read -r x; for p in {measured}; do read -r x s x f x;
printf "%s\n" "disk $p ${{w%% *}} $s $f"; w=${{w#* }}; done; }};
{SYNCED}; printf "%s\n" {END}
""")
    )


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Return the part of an answer that tells the facts, and the part that tells the health."""
    facts, found, health = raw.partition(f"\n{MAGIC}\n".encode())
    return (facts + b"\n" if found else facts), health


def parse_health(raw: bytes, paths: Sequence[str]) -> Health:
    """Return the health in a machine's answer; a line out of bounds, twice or missing leaves its fact unknown.

    raw
        The whole answer of the health script.
    paths
        Those that the script was asked to measure; no other is taken.
    """
    before, text = split(raw)
    lines = text.decode("utf-8", "replace").split("\n")
    told: dict[str, str] = {}
    for line in lines[: min(MAX_LINES, lines.index(END) if END in lines else MAX_LINES)]:
        name, _, value = line.partition(" ")
        if name == "disk":
            path, _, value = value.partition(" ")
            name = f"disk {path}"
        told[name] = "" if name in told else value
    engine = told.get("engine")
    return Health(
        kernel=_if(told.get("kernel"), RELEASE),
        uptime=_seconds(told.get("uptime")),
        engine=engine if engine in ENGINES else None,
        engine_version=_if(told.get("docker"), VERSION),
        synced={"yes": True, "no": False}.get(told.get("synced", "")),
        clock=_clock(before),
        disks={path: disk for path in paths if (disk := _disk(told.get(f"disk {path}", "")))},
    )


def _clock(before: bytes) -> float | None:
    found = [line[len(CLOCK) + 1 :] for line in before.split(b"\n") if line.startswith(CLOCK.encode() + b" ")]
    return _seconds(found[0].decode("utf-8", "replace")) if len(found) == 1 else None


def _seconds(text: str | None) -> float | None:
    return float(text) if text and SECONDS.match(text) else None


def _if(text: str | None, pattern: re.Pattern[str]) -> str | None:
    return text if text and pattern.match(text) else None


def _disk(text: str) -> Disk | None:
    there, _, numbers = text.partition(" ")
    found = numbers.split(" ")
    if there not in ("there", "absent") or len(found) != 2 or not all(map(NUMBER.match, found)):
        return None
    size, free = map(int, found)
    return Disk(size=size, free=free, there=there == "there") if size > 0 and free <= size else None

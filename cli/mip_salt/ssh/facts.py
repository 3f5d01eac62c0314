"""Who a machine says it is, and what it has: one fixed script, one strict parser."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from mip_salt.errors import TrustRefused
from mip_salt.federation.address import valid_hostname
from mip_salt.printable import printable

MAGIC = "MIP2"
END = "end"
MAX_BYTES = 64 * 1024
MAX_OS = 80
SUDO = ("root", "nopasswd", "password", "none")
MACHINE_ID = re.compile(r"[0-9a-f]{32}\Z")
ARCH = re.compile(r"[a-z0-9_]{1,20}\Z")
PYTHON = re.compile(r"(none|[0-9]{1,2}\.[0-9]{1,3}(\.[0-9]{1,3})?[a-z0-9+]{0,12})\Z")


def one_line(script: str) -> str:
    """Join a script's lines: the login shell may be a csh, which cannot quote a newline (measured, tcsh 6.24).

    The lines carry their own ``;``. For the same reason the scripts here have no ``!`` and no doubled backslash.
    """
    return " ".join(filter(None, (line.strip() for line in script.splitlines())))


def shell_command(script: str) -> str:
    """Return the command that runs a script with sh, whatever the user's login shell is."""
    return f"exec sh -c {shlex.quote(script)}"


# sudo's word must be true for a user whose rights are checked without a password, so -k drops a remembered one.
FACTS = one_line(r"""
exec 2>/dev/null; LC_ALL=C; PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH;
m=; IFS= read -r m < /etc/machine-id;
if [ "$(id -u)" = 0 ]; then s=root;
elif command -v sudo > /dev/null; then if sudo -kn true < /dev/null > /dev/null; then s=nopasswd; else s=password; fi;
else s=none; fi;
set -- $(python3 --version < /dev/null); p=${2:-none};
o=$(. /etc/os-release; printf "%s" "$PRETTY_NAME");
t=; read -r k v u < /proc/meminfo; if [ "$k" = MemTotal: ]; then t=$v; fi;
h=$(uname -nm); a=${h##* }; printf "%s\n" MIP2 "${h% *}" "$m" "$s" "$a" "$(getconf _NPROCESSORS_ONLN)"
"$t" "$p" "$o" end
""")


class Facts(NamedTuple):
    """What one machine says of itself; claims, not proofs: only its host key proves anything.

    sudo
        ``root`` (the user is root), ``nopasswd``, ``password``, or ``none`` (sudo is not installed).
    memory
        KiB.
    python
        Version of its python3, or ``none``.
    os
        Name of its system, inert text of at most 80 characters.
    """

    hostname: str
    machine_id: str
    sudo: str
    arch: str
    cpus: int
    memory: int
    python: str
    os: str

    def rows(self) -> list[tuple[str, str]]:
        """Return the facts as an operator reads them, the name first."""
        return [
            ("hostname", self.hostname),
            ("machine-id", self.machine_id),
            ("system", f"{self.os} ({self.arch})"),
            ("size", f"{self.cpus} CPUs, {self.memory / 1024 / 1024:.1f} GiB of memory"),
            ("python3", self.python),
            ("sudo", self.sudo),
        ]


def parse_facts(raw: bytes, node: str) -> Facts:
    """Return the facts in a machine's answer.

    raw
        What the facts script printed, after whatever the login shell's start-up files print.
    node
        Id of the node, for the error.

    Raises TrustRefused for anything but exactly one well-formed answer; the text in the error is inert.
    """
    if len(raw) > MAX_BYTES:
        raise _refused(node, f"answered more than {MAX_BYTES} bytes when asked for its name")
    lines = raw.decode("utf-8", "replace").split("\n")
    if MAGIC not in lines:
        raise _refused(node, f"answered something else than its name: {printable(raw)!r}")
    answer = lines[lines.index(MAGIC) :]
    if len(answer) != 11 or answer[9:] != [END, ""]:
        raise _refused(node, f"answered something else than its name: {printable(' '.join(answer))!r}")
    _, hostname, machine_id, sudo, arch, cpus, memory, python, system, _, _ = answer
    try:
        valid_hostname(hostname)
    except ValueError as err:
        raise _refused(
            node,
            f"calls itself {printable(hostname)!r}: {err}",
            hint="Have its administrator give it a name of its own: hostnamectl set-hostname NAME",
        ) from None
    if not MACHINE_ID.match(machine_id):
        raise _refused(
            node,
            f"has no valid machine-id: {printable(machine_id)!r}",
            hint="It must be 32 of 0-9 and a-f. Have its administrator run: systemd-machine-id-setup",
        )
    for what, text, good in (
        ("sudo right", sudo, sudo in SUDO),
        ("architecture", arch, ARCH.match(arch)),
        ("number of CPUs", cpus, _number(cpus, 100_000)),
        ("memory", memory, _number(memory, 2**40)),
        ("python3", python, PYTHON.match(python)),
    ):
        if not good:
            raise _refused(node, f"answered an impossible {what}: {printable(text, 80)!r}")
    return Facts(hostname, machine_id, sudo, arch, int(cpus), int(memory), python, printable(system, MAX_OS - 1))


def _number(text: str, most: int) -> bool:
    return re.match(r"[1-9][0-9]{0,12}\Z", text) is not None and int(text) <= most


def _refused(node: str, message: str, hint: str = "") -> TrustRefused:
    return TrustRefused(
        message,
        node=node,
        hint=hint
        or "It is not a machine that mip-salt knows how to work with, or not an honest one. Look at it by hand.",
    )

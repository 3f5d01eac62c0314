"""
Say which machine this is, and give it another name.

Runs on the node under Salt's thin: standard library only, Python 3.8 and later. What a node says of itself catches
mistakes (a wrong address, a reinstalled or cloned machine), not a hostile owner: against a third party stands the
host key alone. Every text is bounded and checked here, and again by whoever reads it on the pusher.
"""

from __future__ import annotations

import base64
import binascii
import glob
import hashlib
import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import unicodedata
from typing import Any

from salt.exceptions import CommandExecutionError

__virtualname__ = "mip_host"

MACHINE_ID = "/etc/machine-id"
OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
HOST_KEYS = "/etc/ssh/ssh_host_*_key.pub"
MEMINFO = "/proc/meminfo"
HOSTNAME_FILE = "/etc/hostname"
HOSTS = "/etc/hosts"
# sd_booted(3): there exactly where systemd is the init.
SYSTEMD = "/run/systemd/system"
# Debian and Ubuntu give a machine's own name this address, so that it resolves without a network.
OWN_ADDRESS = "127.0.1.1"
# Seconds that hostnamectl may take: it wakes systemd-hostnamed over D-Bus.
DEADLINE = 30

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# The rules of mip_salt.federation: address.py for a hostname, model.py for a machine-id.
HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*\Z")
MACHINE_ID_RULE = re.compile(r"[0-9a-f]{32}\Z")
KEY_KIND = re.compile(r"[a-z0-9][a-z0-9@.-]{0,63}\Z")
MAX_BYTES = 64 * 1024
MAX_HOST_KEYS = 16


def __virtual__() -> str | tuple[bool, str]:
    if platform.system() != "Linux":
        return False, "mip_host reads Linux's own files"
    return __virtualname__


def facts() -> dict[str, Any]:
    """
    Return who and what this machine is: ``hostname``, ``machine_id``, ``os`` (name and version as its makers write
    it), ``os_release``, ``arch``, ``kernel``, ``cpus``, ``memory_kib``, ``python``, and ``host_keys`` (kind of key:
    SHA256 fingerprint, as ``ssh-keygen -l`` prints it).

    Raises CommandExecutionError if a file cannot be read, or says what it may not.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_host.facts
    """
    hostname, machine_id = _hostname(), _machine_id()
    if not HOSTNAME.match(hostname) or hostname.startswith("localhost"):
        raise CommandExecutionError(
            f"its hostname is not labels of a-z, 0-9 and - (or is localhost): {_clean(hostname)}"
        )
    if not MACHINE_ID_RULE.match(machine_id):
        raise CommandExecutionError(f"{MACHINE_ID} is not 32 of 0-9 and a-f: {_clean(machine_id)}")
    system = _os_release()
    kernel = os.uname()
    return {
        "hostname": hostname,
        "machine_id": machine_id,
        "os": _clean(system.get("PRETTY_NAME") or system.get("NAME", "")),
        "os_release": _clean(system.get("VERSION_ID", "")),
        "arch": _clean(kernel.machine),
        "kernel": _clean(kernel.release),
        "cpus": os.cpu_count() or 1,
        "memory_kib": _memory_kib(),
        "python": platform.python_version(),
        "host_keys": _host_keys(),
    }


def verify(hostname: str | None, machine_id: str | None) -> dict[str, Any]:
    """
    Compare this machine with the one that the operator confirmed.

    hostname
        The confirmed hostname, as ``uname -n`` says it.

    machine_id
        The confirmed machine-id.

    Returns ``same`` and, for each thing that differs, what was confirmed and what was found. A value that is missing
    differs from whatever is found. Raises CommandExecutionError if the machine-id cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_host.verify brain-wk1 104a81cbac7c46d7a67f2a2d8553ec55
    """
    found = {"hostname": _hostname(), "machine_id": _machine_id()}
    confirmed = {"hostname": hostname, "machine_id": machine_id}
    differences = {
        what: {"confirmed": confirmed[what], "found": _clean(found[what])}
        for what in found
        if not found[what] or found[what] != confirmed[what]
    }
    return {"same": not differences, "differences": differences}


def set_hostname(name: str) -> str:
    """
    Give this machine another hostname, now and after a reboot.

    name
        Labels of a-z, 0-9 and -, with dots between them; not localhost.

    ``/etc/hosts`` tells the new name before the machine has it, so that sudo can resolve it all the while; of that
    file only the name beside 127.0.1.1 changes. Where systemd runs, hostnamectl does the rest. The pusher's record of
    this machine must follow at once: the next run takes it for another one otherwise.

    Returns the hostname that the machine then has. Raises CommandExecutionError for a name outside the rule, or if it
    cannot be set; the old one is then back in ``/etc/hosts``.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_host.set_hostname brain-wk1
    """
    if not isinstance(name, str) or not HOSTNAME.match(name) or name.startswith("localhost"):
        raise CommandExecutionError(f"not a hostname (labels of a-z, 0-9 and -, not localhost): {_clean(str(name))}")
    old, hosts = _hostname(), _read(HOSTS) if os.path.exists(HOSTS) else ""
    renamed = _hosts_with(hosts, old, name)
    if renamed != hosts:
        _write(HOSTS, renamed)
    try:
        if _hostname() != name or _lasting_hostname() != name:
            _set(name)
    except CommandExecutionError:
        if renamed != hosts:
            _write(HOSTS, hosts)
        raise
    return _hostname()


def _hosts_with(text: str, old: str, new: str) -> str:
    """Return /etc/hosts with a new name beside 127.0.1.1, in place of the old one; its domain and other names stay."""
    short_old, short_new = old.partition(".")[0], new.partition(".")[0]

    def renamed(word: str) -> str:
        if word == short_old:
            return short_new
        if word.startswith(f"{short_old}."):
            return new if "." in new else new + word[len(short_old) :]
        return word

    lines, told = [], False
    for line in text.splitlines():
        words, comment = line.partition("#")[0].split(), line.partition("#")[2]
        if words[:1] != [OWN_ADDRESS]:
            lines.append(line)
        elif not told:
            kept = [renamed(word) for word in words[1:]]
            names = list(dict.fromkeys(kept if new in kept else [new, *kept]))
            lines.append(f"{OWN_ADDRESS}\t{' '.join(names)}" + (f" #{comment}" if comment else ""))
            told = True
    if not told:
        lines.insert(1 if lines else 0, f"{OWN_ADDRESS}\t{new if new == short_new else f'{new} {short_new}'}")
    return "\n".join([*lines, ""])


def _lasting_hostname() -> str:
    return _read(HOSTNAME_FILE).strip() if os.path.exists(HOSTNAME_FILE) else ""


def _set(name: str) -> None:
    tool = shutil.which("hostnamectl", path="/usr/bin:/bin") if os.path.isdir(SYSTEMD) else None
    if not tool:
        _write(HOSTNAME_FILE, f"{name}\n")
        try:
            socket.sethostname(name)
        except OSError as err:
            raise CommandExecutionError(_clean(f"the hostname cannot be set: {err.strerror}")) from err
        return
    try:
        done = subprocess.run([tool, "set-hostname", name], capture_output=True, timeout=DEADLINE, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError("the hostname cannot be set: hostnamectl does not answer") from err
    if done.returncode or _hostname() != name:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise CommandExecutionError(_clean(f"the hostname cannot be set: hostnamectl: {said or 'without effect'}", 200))


def _write(path: str, text: str) -> None:
    """Replace a file of root's in one step; it keeps its mode, and what a symlink points to is replaced."""
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o644
        opened, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".mip-salt-")
        try:
            with os.fdopen(opened, "w", encoding="utf-8") as out:
                os.fchmod(out.fileno(), mode)
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as err:
        raise CommandExecutionError(_clean(f"{path} cannot be written: {err.strerror}", 200)) from err


def _hostname() -> str:
    return os.uname().nodename


def _machine_id() -> str:
    return _read(MACHINE_ID).strip()


def _os_release() -> dict[str, str]:
    path = next((path for path in OS_RELEASE if os.path.exists(path)), None)
    lines = _read(path).splitlines() if path else []
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def _memory_kib() -> int:
    found = re.search(r"^MemTotal:\s+([0-9]{1,15}) kB$", _read(MEMINFO), re.MULTILINE)
    if not found:
        raise CommandExecutionError(f"{MEMINFO} does not say MemTotal")
    return int(found.group(1))


def _host_keys() -> dict[str, str]:
    keys = {}
    for path in sorted(glob.glob(HOST_KEYS))[:MAX_HOST_KEYS]:
        kind, _, rest = _read(path).strip().partition(" ")
        try:
            blob = base64.b64decode(rest.partition(" ")[0], validate=True)
        except (binascii.Error, ValueError):
            blob = b""
        if not KEY_KIND.match(kind) or not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
            raise CommandExecutionError(f"{path} is not a public key")
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        keys[kind] = f"SHA256:{digest}"
    return keys


def _read(path: str) -> str:
    try:
        with open(path, "rb") as source:
            return source.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError as err:
        raise CommandExecutionError(_clean(f"{path} cannot be read: {err.strerror}", 200)) from err


def _clean(text: str, limit: int = 80) -> str:
    """Return text as one short line without control, format or separator characters.

    And without the words at which the ``salt-ssh`` command takes its own login for refused, wherever they stand in a
    failure's text, and asks the operator for a password (measured, 3008.4).
    """
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

"""The programs that mip-salt works with: are they there, new enough, and do they work?"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

from mip_salt.printable import printable
from mip_salt.vault.gpg import environment, kill_agent
from mip_salt.workflows.findings import Finding, Level

SECONDS = 8
# The oldest that the vault's keys and the roster's options were tried with; older ones fail, or were never tried.
GPG_FROM, SSH_TRIED, PYTHON_FROM = (2, 2), (9, 2), (3, 10)


def gpg() -> Iterator[Finding]:
    """Look at gpg and let its agent answer in a keyring of its own."""
    said = _version("gpg", ["gpg", "--version"])
    if said is None:
        yield _missing("gpg", "gnupg", "Nothing secret can be kept without it.")
        return
    if said < GPG_FROM:
        yield Finding("gpg", Level.FAIL, f"{_text(said)}, older than {_text(GPG_FROM)}", "Install a newer gnupg.")
        return
    with _short_folder() as home:
        done = _run(["gpg-connect-agent", "--homedir", str(home), "GETINFO version", "/bye"])
        with suppress(Exception):
            kill_agent(home)
    answer = re.search(r"^D ([0-9.]+)", done.stdout if done else "", re.MULTILINE)
    if not answer:
        yield Finding("gpg", Level.FAIL, f"{_text(said)}, but its agent does not answer", "apt-get install gpg-agent")
        return
    yield Finding("gpg", Level.OK, f"{_text(said)}, its agent answers")


def ssh() -> Iterator[Finding]:
    """Look at the system's ssh, ssh-keygen and ssh-agent."""
    absent = [name for name in ("ssh", "ssh-keygen", "ssh-agent") if shutil.which(name) is None]
    said = _version("ssh", ["ssh", "-V"])
    if absent or said is None:
        yield _missing(", ".join(absent) or "ssh", "openssh-client", "No node can be reached without it.")
        return
    with _short_folder() as folder:
        done = _run(["ssh-agent", "-a", str(folder / "agent"), "-t", "5"])
        pid = re.search(r"SSH_AGENT_PID=(\d+)", done.stdout if done else "")
        if pid:
            os.kill(int(pid[1]), signal.SIGTERM)
    if not pid:
        yield Finding("ssh", Level.FAIL, f"OpenSSH {_text(said)}, but ssh-agent does not start", "Run: ssh-agent -d")
    elif said < SSH_TRIED:
        yield Finding(
            "ssh",
            Level.WARN,
            f"OpenSSH {_text(said)}; older than {_text(SSH_TRIED)}, never tried",
            "Upgrade this system.",
        )
    else:
        yield Finding("ssh", Level.OK, f"OpenSSH {_text(said)}, ssh-agent starts")


def git() -> Iterator[Finding]:
    """Look at git, which only install needs."""
    said = _version("git", ["git", "--version"])
    if said is None:
        yield Finding("git", Level.WARN, "not installed; install needs it", "apt-get install git")
    else:
        yield Finding("git", Level.OK, _text(said))


def python() -> Iterator[Finding]:
    """Look at this Python, and at Salt and all else that mip-salt was installed with."""
    found = sys.version_info[:3]
    good = found >= PYTHON_FROM
    yield Finding(
        "python",
        Level.OK if good else Level.FAIL,
        f"{platform.python_version()}, {sys.executable}",
        "" if good else f"mip-salt needs {_text(PYTHON_FROM)} or newer: install it with that one.",
    )
    wrong = list(_wrong_packages())
    if wrong:
        yield Finding("packages", Level.FAIL, "; ".join(wrong), f"{sys.executable} -m pip install --upgrade mip-salt")
    else:
        yield Finding("packages", Level.OK, f"Salt {metadata.version('salt')}, and all others as mip-salt pins them")


def command() -> Iterator[Finding]:
    """Look at whether every user's shell finds mip-salt."""
    found = shutil.which("mip-salt", path="/usr/local/bin:/usr/bin:/bin")
    if found:
        yield Finding("command", Level.OK, found)
    else:
        yield Finding(
            "command",
            Level.WARN,
            "other users' shells do not find mip-salt",
            f"As root: {Path(sys.argv[0]).resolve()} doctor --fix (links it into /usr/local/bin)",
        )


def _wrong_packages() -> Iterator[str]:
    from packaging.requirements import Requirement

    for text in metadata.requires("mip-salt") or []:
        wish = Requirement(text)
        if wish.marker and not wish.marker.evaluate({"extra": ""}):
            continue
        try:
            there = metadata.version(wish.name)
        except metadata.PackageNotFoundError:
            yield f"{wish.name} is missing"
            continue
        if not wish.specifier.contains(there, prereleases=True):
            yield f"{wish.name} is {there}, not {wish.specifier}"


def _missing(what: str, package: str, why: str) -> Finding:
    return Finding(what.partition(",")[0], Level.FAIL, f"{what} not installed. {why}", f"apt-get install {package}")


def _version(name: str, call: list[str]) -> tuple[int, ...] | None:
    done = _run(call)
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", f"{done.stdout}{done.stderr}" if done else "")
    return tuple(int(part) for part in found.groups() if part) if found else None


def _text(version: tuple[int, ...]) -> str:
    return printable(".".join(map(str, version)), 20)


def _run(call: list[str]) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            call,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=environment(),
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


@contextmanager
def _short_folder() -> Iterator[Path]:
    """Give a private folder with a path short enough for sockets, whatever TMPDIR says."""
    with tempfile.TemporaryDirectory(prefix="mip-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)

"""What this machine must have to be a lab; asked before anything is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from mip_salt.errors import Damaged
from mip_salt.lab.tools import Progress, silent
from mip_salt.printable import printable

# Tool → the Debian or Ubuntu package that holds it.
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "ssh-keygen": "openssh-client",
}


def missing() -> list[str]:
    """Return the packages whose tools are not here, each once."""
    return sorted({package for tool, package in TOOLS.items() if not shutil.which(tool, path=_path())})


def require_root() -> None:
    """Raise Damaged unless this is root on Linux."""
    if sys.platform != "linux":
        raise Damaged("a lab boots Linux machines, and this is not Linux", hint="Run it in a Linux machine, as root.")
    if os.geteuid() != 0:
        raise Damaged("a lab needs root: it mounts disks and makes networks", hint="Run it again with sudo.")


def require(*, install: bool = False, progress: Progress = silent) -> None:
    """Raise Damaged, with the command that mends it, unless this machine can be a lab.

    install
        Install missing packages by apt-get instead.
    """
    require_root()
    packages = missing()
    if not packages:
        return
    if install and shutil.which("apt-get"):
        progress(f"installing {', '.join(packages)}")
        _install(packages)
        packages = missing()
    if packages:
        raise Damaged(
            f"a lab needs {', '.join(packages)}, not installed here",
            hint=f"apt-get install --no-install-recommends {' '.join(packages)}\nor: mip-salt lab up --install-missing",
        )


def _install(packages: list[str]) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise Damaged(
                f"apt-get {words[0]} failed: {printable(said[-1])}",
                command=f"apt-get {' '.join(words)}",
                hint="Run the command below as root, and look at what it says.",
            )


def _path() -> str:
    """Return PATH with the folders of system tools, which a user's PATH may lack."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

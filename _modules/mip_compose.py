"""
Know which compose this node has.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import os
import re
import subprocess

__virtualname__ = "mip_compose"

# Compose 2 first; docker-compose may be either.
COMMANDS = ("docker compose", "docker-compose")
VERSION = re.compile(r"v?([0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}[A-Za-z0-9.+~-]{0,40})\s*\Z")
PATH = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/sbin:/bin:/snap/bin"
# Seconds that compose may take to tell its version: 1.x is Python, and slow on a cold disk.
DEADLINE = 30


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_compose knows Docker on Linux"
    return __virtualname__


def find() -> dict[str, str]:
    """
    Return the ``command`` of the compose that runs here, and its ``version``; both empty if none does.

    It is run, not looked up: a plugin without its docker, or a 1.x without its Python modules, is none.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_compose.find
    """
    for command in COMMANDS:
        try:
            done = subprocess.run(
                [*command.split(), "version", "--short"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=DEADLINE,
                check=False,
                env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        found = VERSION.match(done.stdout[:200].decode("utf-8", "replace").strip())
        if not done.returncode and found:
            return {"command": command, "version": found.group(1)}
    return {"command": "", "version": ""}

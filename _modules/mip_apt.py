"""
Ask apt for what a node lacks; a node that lacks nothing is never asked.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unicodedata
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_apt"

PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,63}\Z")
# Of `apt-cache policy`, whose words LC_ALL=C keeps English.
POLICY = re.compile(r"^(?P<name>[a-z0-9][a-z0-9+.-]*):\n  Installed: .*\n  Candidate: (?P<version>\S+)$", re.M)
# Seconds that reading apt's lists may take on a small machine with many of them.
DEADLINE = 60


def __virtual__() -> str | tuple[bool, str]:
    if not shutil.which("apt-cache"):
        return False, "mip_apt knows Debian and Ubuntu"
    return __virtualname__


def candidates(*names: str) -> dict[str, str]:
    """
    Return the versions that apt would install of some packages, as its lists on this machine say now.

    names
        Packages' names; one that apt does not know is left out.

    Nothing is downloaded, so the answer is as old as the lists. Raises CommandExecutionError if apt cannot say.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.candidates docker.io docker-cli
    """
    for name in names:
        if not isinstance(name, str) or not PACKAGE.match(name):
            raise CommandExecutionError(f"not a package's name: {_clean(str(name))}")
    try:
        done = subprocess.run(
            ["apt-cache", "policy", *names],
            capture_output=True,
            timeout=DEADLINE,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError("apt-cache does not answer") from err
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise CommandExecutionError(f"apt-cache failed: {_clean(done.stderr.decode('utf-8', 'replace'))}")
    return {
        found["name"]: found["version"]
        for found in POLICY.finditer(said)
        if found["name"] in names and found["version"] != "(none)"
    }


def refresh() -> bool:
    """
    Read apt's lists anew; say whether all of them could be read.

    A mirror that does not answer is no failure yet: the packages may come from another.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.refresh
    """
    try:
        return all(__salt__["pkg.refresh_db"]().values())
    except CommandExecutionError:
        return False


def install(*names: str) -> dict[str, Any]:
    """
    Install packages, from lists already read; nothing that is there is upgraded but what they need.

    names
        Packages' names.

    Returns what changed, each package with its old and new version. Raises CommandExecutionError with apt's reason.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.install docker.io
    """
    try:
        changes: dict[str, Any] = __salt__["pkg.install"](pkgs=list(names), refresh=False)
    except CommandExecutionError as err:
        reasons = [line for line in str(err).splitlines() if line.startswith(("E:", "Err:"))] or str(err).splitlines()
        raise CommandExecutionError(f"{', '.join(names)} cannot be installed: {_clean(reasons[0])}") from err
    return changes


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text.strip()[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

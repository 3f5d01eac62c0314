"""What a run leaves behind, here and on a node, and its removal."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.ssh_options import destination, ssh_arguments
from mip_salt.remote.salt_ssh import cache

# The package of the last run stays with the whole pillar in it, readable by the login's user; an unpacked one stays if
# the run was killed (measured, 3008.3). While a run goes on there, its own unpacked one is left to it.
WIPE = """rm -rf {package}
grep -lqs 'state[.]pkg' /proc/[0-9]*/cmdline && exit 0
for d in /tmp/tmp*; do [ -O "$d" ] && [ -f "$d/pillar.json" ] && [ -f "$d/lowstate.json" ] && rm -rf "$d"; done
exit 0"""


def wipe_node(folder: Folder, federation: Federation, name: str, thin: str, *, timeout: float) -> bool:
    """Remove a state run's secrets from a node; say whether that is certain.

    thin
        Salt's folder on the node.
    timeout
        Seconds for it.
    """
    node = federation.nodes[name]
    script = shlex.join(["sh", "-c", WIPE.format(package=shlex.quote(f"{thin}/salt_state.tgz"))])
    command = script if node.user == "root" else f"sudo -n {script}"
    try:
        done = subprocess.run(
            ["ssh", *ssh_arguments(folder, federation, name), destination(node), command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def empty(folder: Folder) -> None:
    """Remove temporary files and the job cache, which holds every return, from the pusher."""
    shutil.rmtree(cache(folder) / "jobs", ignore_errors=True)
    with suppress(FileNotFoundError):
        for left in folder.tmp.iterdir():
            _remove(left)
    folder.tmp.mkdir(mode=0o700, parents=True, exist_ok=True)


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)

"""What root may change on the pusher itself: its hostname, and the commands that every user finds."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from mip_salt.data import data_root
from mip_salt.errors import Damaged, UsageError
from mip_salt.federation.address import HOSTNAME
from mip_salt.printable import printable

FOR_ALL = Path("/usr/local/bin")
COMMANDS = ("mip-salt", "salt-ssh")


def set_hostname(name: str) -> bool:
    """Give this machine another hostname, by Salt's ``mip_host.set_hostname`` here; return whether that changed it.

    Raises UsageError for what is no hostname, or without root's rights, Damaged if the system refuses.
    """
    if not HOSTNAME.match(name) or name.startswith("localhost"):
        raise UsageError(
            f"{printable(name, 80)!r} is not a hostname",
            hint="Labels of a-z, 0-9 and -, with dots between them; not localhost.",
        )
    _need_root(f"the hostname cannot be made {name}")
    import salt.config
    import salt.loader
    from salt.exceptions import CommandExecutionError

    before = os.uname().nodename
    options = salt.config.minion_config(None)
    # In this process and of our modules only: no grains, no cache, nothing of a minion that this machine may have.
    options.update(file_client="local", module_dirs=[str(data_root() / "_modules")], grains={}, pillar={})
    modules = salt.loader.minion_mods(options, whitelist=["mip_host"])
    try:
        return str(modules["mip_host.set_hostname"](name)) != before
    except CommandExecutionError as err:
        raise Damaged(printable(err), hint=f"Try it by hand: hostnamectl set-hostname {name}") from None


def link_commands(place: Path = FOR_ALL) -> list[Path]:
    """Link mip-salt, and the salt-ssh beside it, where every user's shell finds them; return the links that were made.

    What is there already, and is no link of ours, stays.

    Raises UsageError without root's rights or for an installation that others cannot read, Damaged if a link cannot be
    made.
    """
    _need_root(f"nothing can be linked into {place}")
    home = Path(sys.prefix) / "bin"
    python = Path(sys.executable).resolve()
    closed = _closed_to_others(home, *home.parents, python, *python.parents)
    if closed:
        raise UsageError(
            f"mip-salt is installed in {home} for root alone: others may not pass {closed}",
            hint="Install it where they can: python3 -m venv /usr/local/lib/mip-salt && "
            "/usr/local/lib/mip-salt/bin/pip install mip-salt",
        )
    return [place / name for name in COMMANDS if _link(place / name, home / name)]


def _closed_to_others(*ways: Path) -> Path | None:
    return next((one for one in ways if not one.stat().st_mode & stat.S_IXOTH), None)


def _link(link: Path, command: Path) -> bool:
    if not command.is_file() or command.resolve() == link.resolve():
        return False
    if link.exists() or (link.is_symlink() and Path(link.readlink()).name != link.name):
        if link.name == COMMANDS[0]:
            raise Damaged(f"{link} is there, and is another's", hint=f"Look at it, and move it away: ls -l {link}")
        return False
    try:
        link.unlink(missing_ok=True)  # a link of ours to an installation that is gone
        link.symlink_to(command)
    except OSError as err:
        raise Damaged(f"{link} cannot be made: {err.strerror}", hint=f"Is {link.parent} read-only?") from err
    return True


def _need_root(why: str) -> None:
    if os.geteuid() != 0:
        raise UsageError(f"{why}: that takes root's rights", hint="Run it again with sudo.")

"""Salt itself: its configuration, and one question to one node. The only module here that imports Salt."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder

# Whatever stands in the generated master: no question, no key sent, no key accepted, nothing secret written.
NEVER: dict[str, Any] = {
    "ssh_key_deploy": False,
    "ssh_update_roster": False,
    "ignore_host_keys": False,
    "no_host_keys": False,
    "ssh_askpass": False,
    "ssh_passwd": "",
    "ssh_priv_passwd": "",
    "ssh_use_home_key": False,
    "ssh_scan_ports": "",
    "ssh_run_pre_flight": False,
    "raw_shell": False,
    "regen_thin": False,
    "rand_thin_dir": False,
    "ssh_wipe": False,
    "relenv": False,
    "gpg_cache": False,
    "pillar_cache": False,
    "thin_exclude_saltexts": True,
    "master_job_cache": "local_cache",
    "ext_job_cache": "",
    # debug and trace write states, output and some secrets
    "log_level": "warning",
    "log_level_logfile": "warning",
    "log_granular_levels": {},
}
# Seconds of silence after which ssh gives a node up: 15 * 3. Salt's own figure is 180.
ALIVE = {"ssh_keepalive": True, "ssh_keepalive_interval": 15, "ssh_keepalive_count_max": 3}
CONNECT = {"ssh_timeout": 10, "timeout": 5}  # Salt adds the two up to ConnectTimeout


def load(folder: Folder) -> dict[str, Any]:
    """Return Salt's options for a federation; Salt is imported here, once, so that a fork is cheap.

    Raises Damaged if the generated master cannot be read.
    """
    hook, handlers, level = sys.excepthook, logging.root.handlers[:], logging.root.level
    try:
        import salt.client.ssh.client
        import salt.config

        options: dict[str, Any] = salt.config.master_config(str(folder.master))
    except Exception as err:
        raise Damaged(
            f"{folder.master} cannot be read by Salt ({type(err).__name__})",
            hint=f"It is generated: remove it, then run mip-salt -f {folder.name} apply again.",
        ) from err
    finally:
        # Salt takes over what is not its own to take: uncaught errors and every log.
        sys.excepthook, logging.root.handlers[:] = hook, handlers
        logging.root.setLevel(level)
    if options.get("cachedir") != str(cache(folder)):
        raise Damaged(f"{folder.master} is missing or of another federation", hint="Run mip-salt apply again.")
    return {**options, **NEVER, **ALIVE, **CONNECT, "config_dir": str(folder.path)}


def cache(folder: Folder) -> Path:
    """Return Salt's cache on the pusher."""
    return folder.run / "cache"


def prepare(options: dict[str, Any], nodes: Sequence[str]) -> list[str]:
    """Make what all nodes share (Salt's thin, our modules) before they are asked side by side.

    Return the nodes that the roster gives; none if it refuses, as it does while the federation is locked.
    """
    import salt.client.ssh.client

    client = salt.client.ssh.client.SSHClient(mopts=options)
    return sorted(client._prep_ssh(list(nodes), "test.ping", tgt_type="list").targets)


def ask(options: dict[str, Any], node: str, function: str, arguments: Sequence[str]) -> list[Any]:
    """Return what Salt yields for one node: one item, or none if the roster does not give it.

    arguments
        As ``words`` writes them.
    """
    import salt.client.ssh.client

    client = salt.client.ssh.client.SSHClient(mopts=options)
    # A list, never a pattern: for a name outside the roster Salt would otherwise look in the network.
    returns = client.cmd_iter([node], function, list(arguments), tgt_type="list")
    return [item[node] for item in returns if isinstance(item, dict) and node in item]


def thin_dir(user: str) -> str:
    """Return the folder on a node in which Salt works for a user."""
    import re
    import uuid

    import salt.client.ssh
    import salt.utils.network

    here = uuid.uuid3(uuid.NAMESPACE_DNS, salt.utils.network.get_fqhostname()).hex[:6]
    name = re.sub(r"[^a-zA-Z0-9._\-@]", "_", user)
    return str(salt.client.ssh.DEFAULT_THIN_DIR).replace("%%USER%%", name).replace("%%FQDNUUID%%", here)

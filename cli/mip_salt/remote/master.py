"""Salt on the pusher: its configuration, its file client, and what it leaves there."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.remote.node.late import keep_filters, read_late
from mip_salt.remote.node.quicker import make_quicker

# Whatever stands in the generated master: nothing secret is written.
NEVER: dict[str, Any] = {
    "gpg_cache": False,
    "pillar_cache": False,
    # debug and trace write states, output and some secrets
    "log_level": "warning",
    "log_level_logfile": "warning",
    "log_granular_levels": {},
}
# Far longer than a command: neither files nor packages come and go while it runs.
LONG = 7 * 24 * 3600
# What Salt imports here and compiling hardly ever uses: more than a third of all that is imported (measured, 3008.3).
LATE = (
    *("asyncio", "bcrypt", "cryptography.hazmat.primitives.serialization", "croniter", "dateutil", "dateutil.parser"),
    *("distro", "ftplib", "git", "http.cookiejar", "http.server", "requests", "setproctitle", "urllib3"),
    *("tornado.concurrent", "tornado.gen", "tornado.httpclient", "tornado.ioloop", "tornado.iostream"),
    *("tornado.locks", "tornado.simple_httpclient", "xml.dom.minidom", "zmq", "zmq.eventloop"),
    *("salt.beacons", "salt.cache", "salt.channel.client", "salt.client", "salt.client.ssh", "salt.engines"),
    *("salt.minion", "salt.payload", "salt.transport", "salt.utils.asynchronous", "salt.utils.cache"),
    *("salt.utils.cloud", "salt.utils.event", "salt.utils.extmods", "salt.utils.gitfs", "salt.utils.http"),
    *("salt.utils.master", "salt.utils.metrics", "salt.utils.process", "salt.utils.pycrypto", "salt.utils.rsax931"),
    *("salt.utils.schedule", "salt.utils.thin", "salt.utils.tracing", "salt.utils.vt", "salt.utils.zeromq"),
)


def load(folder: Folder) -> tuple[dict[str, Any], Any]:
    """Return Salt's options for a federation, and its file client; Salt is imported here, so that a fork is cheap.

    Raises Damaged if the generated master cannot be read.
    """
    read_late(LATE)
    hook, handlers, level = sys.excepthook, logging.root.handlers[:], logging.root.level
    try:
        import salt.config
        import salt.fileclient

        import mip_salt.remote.salt_classes  # noqa: F401 - each process forked off would import it anew

        keep_filters()
        make_quicker()
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
    options = {**options, **NEVER, "config_dir": str(folder.path), "_ssh_version": (9, 2)}
    options["fileserver_list_cache_time"] = LONG
    client = salt.fileclient.FSClient(options)
    _look_once(options, client)
    return options, client


def _look_once(options: dict[str, Any], client: Any) -> None:
    """Look now for what each process forked off would look for again: files of states, and packages that extend Salt.

    Salt keeps a list of the files for 20 s, this command's or another's. Of two processes that find it too old one
    makes it anew, and the other sleeps for a second, at least (read in 3008.4, fileserver/__init__.py, wait_lock).
    Packages it looks for again after half a second.
    """
    from salt.utils.entrypoints import iter_entry_points

    shutil.rmtree(Path(options["cachedir"]) / "file_lists", ignore_errors=True)
    for saltenv in options["file_roots"]:
        client.list_states(saltenv)
    known = iter_entry_points.__wrapped__
    known.delta, known.expiration = LONG, time.monotonic() + LONG


def cache(folder: Folder) -> Path:
    """Return Salt's cache on the pusher."""
    return folder.run / "cache"


def empty(folder: Folder) -> None:
    """Remove temporary files and the job cache, which raw salt-ssh fills with every return, from the pusher."""
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

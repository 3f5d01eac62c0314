"""
Know which compose this node has, and run one project with it.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_compose"

# Compose 2 first; docker-compose may be either.
COMMANDS = ("docker compose", "docker-compose")
VERSION = re.compile(r"v?([0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}[A-Za-z0-9.+~-]{0,40})\s*\Z")
PATH = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/sbin:/bin:/snap/bin"
# Seconds that compose may take to tell its version: 1.x is Python, and slow on a cold disk.
DEADLINE = 30
# Seconds to read a project, and to start it, which pulls its images the first time.
READ, UP = 60, 1800
LABEL = "com.docker.compose"


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


def check(project: str, folder: str, compose: str | None = None, env: str | None = None) -> dict[str, Any]:
    """
    Say which services of a project `compose up` would start or make anew.

    project
        Its name.

    folder
        Where its docker-compose.yml and .env lie.

    compose, env
        The texts that these are still to get; else they are read.

    Returns ``old`` and ``new`` for each. One that ends by itself, and is started again only after a failure, is well
    when it has ended well.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_compose.check mipfederation /opt/mip-deployment/Federation
    """
    have = containers(project)
    changes = {}
    with contextlib.ExitStack() as held:
        # The variables may be secret: they are in no file on a disk but their own.
        of = [] if compose is None else ["-f", held.enter_context(_in_memory(compose)), "--project-directory", folder]
        of += [] if env is None else ["--env-file", held.enter_context(_in_memory(env))]
        hashes = _compose(project, folder, READ, "config", "--hash", "*", of=of)
    for line in hashes.splitlines():
        service, _, wanted = line.strip().partition(" ")
        if not service or not wanted:
            continue
        mine = [one for one in have if one["service"] == service]
        if not mine:
            changes[service] = {"old": "none", "new": "started"}
        elif any(one["hash"] != wanted for one in mine):
            changes[service] = {"old": "other settings", "new": "made anew"}
        elif not all(one["well"] for one in mine):
            changes[service] = {"old": next(one["state"] for one in mine if not one["well"]), "new": "started"}
    return changes


def up(project: str, folder: str) -> dict[str, Any]:
    """
    Start a project; a service that runs as it should is left alone.

    project, folder
        As for :py:func:`check`.

    Returns the services whose containers changed, each with its ``old`` and ``new`` container. Raises
    CommandExecutionError with compose's own words.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_compose.up mipfederation /opt/mip-deployment/Federation
    """
    if not check(project, folder):
        return {}
    before = {one["name"]: one for one in containers(project)}
    _compose(project, folder, UP, "up", "-d", "--no-build")
    changes = {}
    for one in containers(project):
        old = before.get(one["name"])
        if not old or old["id"] != one["id"] or old["state"] != one["state"]:
            changes[one["service"]] = {
                "old": f"{old['id']} {old['state']}" if old else "none",
                "new": f"{one['id']} {one['state']}",
            }
    return changes


def containers(project: str) -> list[dict[str, Any]]:
    """
    Return a project's containers: ``name``, ``service``, ``id``, ``state``, ``hash`` (of its settings), ``well``.

    project
        Its name.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_compose.containers mipfederation
    """
    filters = quote(json.dumps({"label": [f"{LABEL}.project={project}", f"{LABEL}.oneoff=False"]}))
    found = []
    for row in __salt__["mip_engine.call"]("GET", f"/containers/json?all=true&filters={filters}"):
        # By label: 1.x calls them a_b_1, 2.x a-b-1.
        labels, told = row["Labels"], __salt__["mip_engine.call"]("GET", f"/containers/{row['Id']}/json")
        ended = told["State"]["Status"] == "exited" and told["State"]["ExitCode"] == 0
        once = told["HostConfig"]["RestartPolicy"]["Name"] == "on-failure"
        found.append(
            {
                "name": told["Name"].lstrip("/"),
                "service": labels.get(f"{LABEL}.service", ""),
                "id": row["Id"][:12],
                "state": told["State"]["Status"],
                "hash": labels.get(f"{LABEL}.config-hash", ""),
                "well": told["State"]["Status"] == "running" or (ended and once),
            }
        )
    return sorted(found, key=lambda one: one["name"])


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Hold a text in memory, under a name by which root's other processes read it."""
    held = os.memfd_create("mip-compose")
    try:
        with open(held, "wb", closefd=False) as file:
            file.write(text.encode())
        # Not /proc/self: `docker compose` passes no open file on to its plugin.
        yield f"/proc/{os.getpid()}/fd/{held}"
    finally:
        os.close(held)


def _compose(project: str, folder: str, deadline: float, *words: str, of: Sequence[str] = ()) -> str:
    """Run compose on a project, or of other files than those in its folder; return what it prints."""
    found = find()
    if not found["command"]:
        raise CommandExecutionError("no compose runs on this node")
    try:
        done = subprocess.run(
            [*found["command"].split(), "-p", project, *of, *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=deadline,
            check=False,
            env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        why = getattr(err, "strerror", None) or f"it does not end in {deadline:g} s"
        raise CommandExecutionError(f"compose {words[0]} in {folder}: {why}") from err
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["without a word"]
        raise CommandExecutionError(f"compose {words[0]} in {folder}: {_clean(said[-1], 300)}")
    return done.stdout.decode("utf-8", "replace")


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

"""What a node is sent before it says a word: nothing secret, and known before Salt is imported here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_salt.data import data_root
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.federation.node_paths import SALT
from mip_salt.remote.frames import GO, frame
from mip_salt.remote.master import cache


@dataclass(frozen=True)
class Greeting:
    """What every node of a federation is sent first.

    thin
        The digest of its thin.
    options
        Of Salt on the node.
    modules
        The archive of modules that are not Salt's own.
    """

    thin: str
    options: dict[str, Any]
    modules: bytes

    def to(self, node: str, who: str, *, lock: bool) -> bytes:
        """Return the first frames to a node.

        who
            Whom another run is told of that finds the node at work.
        lock
            Whether states are to run: of two such runs at once the second is refused.
        """
        options = minion_options({"ssh_minion_opts": self.options}, node)
        first = {"home": SALT, "thin": self.thin, "options": options, "who": who, "lock": lock}
        return GO + frame("c", first) + frame("M", self.modules)


def minion_options(options: Mapping[str, Any], node: str) -> dict[str, Any]:
    """Return the few options that Salt on a node is started with; they tell nothing secret.

    options
        Salt's on the pusher.
    """
    return {**options.get("ssh_minion_opts", {}), "id": node, "sock_dir": "/", "fileserver_list_cache_time": 3}


def remembered(folder: Folder, thin: str) -> Greeting | None:
    """Return what Salt said of this federation the last time; None if what it looked at may have changed."""
    path = cache(folder) / "mip-salt" / f"greeting-{_key(folder, thin)}"
    # What an operator's own configuration names, only Salt knows.
    if (folder.path / "master.d").exists():
        return None
    try:
        head, _, modules = path.read_bytes().partition(b"\n")
        return Greeting(thin, json.loads(head), modules)
    except (OSError, ValueError):
        return None


def learnt(folder: Folder, thin: str, client: Any) -> Greeting:
    """Ask Salt, and keep what it says.

    client
        Salt's file client.
    """
    import salt.client.ssh

    place, key = cache(folder) / "mip-salt", _key(folder, thin)
    found = salt.client.ssh.mod_data(client)
    made = Greeting(
        thin,
        dict(client.opts.get("ssh_minion_opts", {})),
        Path(found["file"]).read_bytes() if found else b"",
    )
    for old in place.glob("greeting-*"):
        old.unlink(missing_ok=True)
    write_atomic(place / f"greeting-{key}", json.dumps(made.options).encode() + b"\n" + made.modules)
    return made


def _key(folder: Folder, thin: str) -> str:
    """Return a digest of all that Salt looks at: the thin stands for its version, and every file for its content."""
    rows = [f"{path} {stat.st_mtime_ns} {stat.st_size}" for path in _sources(folder) for stat in [path.stat()]]
    return hashlib.sha256("\n".join([thin, *rows]).encode()).hexdigest()[:16]


def _sources(folder: Folder) -> Iterator[Path]:
    yield folder.master
    places = [data_root() / "_modules", *data_root().glob("states/_*"), *folder.states.glob("_*")]
    for place in (*places, cache(folder) / "extmods"):
        yield from sorted(place.rglob("*.py"))

"""Take a federation off this machine, and, if wanted, what it put on its nodes."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

from mip_salt.errors import Damaged, MipError
from mip_salt.federation.document import load
from mip_salt.federation.files import remove
from mip_salt.federation.folder import Folder
from mip_salt.federation.switch import put
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.vault import session
from mip_salt.workflows.record import forget
from mip_salt.workflows.remove import clean
from mip_salt.workflows.seat import Seat
from mip_salt.workflows.tmux import Windows

PREFIX = ".mip-removed."


async def clean_nodes(seat: Seat) -> list[NodeResult]:
    """Take the identity and the sudo rule off every node, side by side; forget those that are clean.

    A node through which others are reached comes after them. One that cannot be cleaned stays in the federation, so
    that it can be tried again.
    """
    nodes = load(seat.folder).nodes
    bastions = {node.bastion for node in nodes.values() if node.bastion}
    results: list[NodeResult] = []
    for turn in ([name for name in nodes if name not in bastions], [name for name in nodes if name in bastions]):
        if not any(result.error for result in results):  # the others are reached through it: it must stay
            results += await asyncio.gather(*(_clean(seat, name) for name in turn))
    for result in results:
        if not result.error:
            forget(seat.folder, result.id)
    return results


async def _clean(seat: Seat, name: str) -> NodeResult:
    try:
        await clean(seat, name)
    except MipError as err:
        return NodeResult(name, Kind(err.kind), error=err.message, hint=err.hint)
    return NodeResult(name, Kind.CHANGED)


def remove_folder(folder: Folder) -> Path | None:
    """Remove a federation's folder and nothing else; the caller holds the federation, and has a backup.

    It is first given a name under which no federation is found, so killed in between it is not there by half.

    Returns the empty folder that had to stay because the root is another user's, or None.

    Raises Damaged if something in it cannot be removed.
    """
    session.lock(folder)
    windows = Windows(folder, (), ())
    if not windows.within:
        windows.close()
    aside = folder.path.with_name(f"{PREFIX}{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)  # of a run that was killed
    stays = None
    if os.access(folder.path.parent, os.W_OK):
        put(folder.path, aside)
    else:
        remove(folder.document)  # from here on there is no such federation
        aside = stays = folder.path
    try:
        for left in aside.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
    except OSError as err:
        raise Damaged(
            f"{err.filename} cannot be removed: {err.strerror}",
            hint=f"{folder.name} is no federation any more; remove what is left of it: rm -r {aside}",
        ) from err
    with suppress(OSError):
        aside.rmdir()
    return stays

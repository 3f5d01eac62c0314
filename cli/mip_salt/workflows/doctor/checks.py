"""What is looked at: this machine, and one federation's files if there is one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from mip_salt.errors import MipError
from mip_salt.federation.address import HOSTNAME
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.settings import Sources
from mip_salt.versions.source import EXAREME, MIP
from mip_salt.workflows.doctor import files, libraries, machine, sources, tools
from mip_salt.workflows.doctor.examine import Check


def checks(root: Path, folder: Folder | None) -> list[Check]:
    """Return what is to be looked at, in the order in which it is told."""
    told = _told(folder)
    found = [
        Check("gpg", tools.gpg),
        Check("ssh", tools.ssh),
        Check("git", tools.git),
        Check("python", tools.python),
        Check("libraries", partial(libraries.libraries, folder), libraries.SECONDS),
        Check("command", tools.command),
        Check("hostname", partial(machine.hostname, folder.name if folder else None)),
        Check("clock", machine.clock),
        Check("disk", partial(machine.disk, root)),
        Check("root", partial(files.root, root, begun=folder is not None)),
        Check("sockets", partial(files.sockets, root, folder)),
    ]
    if folder:
        found += [
            Check("permissions", partial(files.permissions, folder), 30.0),
            Check("federation", partial(files.federation, folder)),
            Check("vault", partial(files.vault, folder)),
            Check("backup", partial(files.kept, folder), 30.0),
            Check("dns", partial(machine.names, _names(told))),
        ]
    where = told.settings.sources if told else Sources()
    for project, text in ((MIP, where.mip), (EXAREME, where.exareme)):
        found.append(Check("source", partial(sources.source, project, text), sources.SECONDS))
    return found


def _told(folder: Folder | None) -> Federation | None:
    try:
        return load(folder) if folder else None
    except MipError:
        return None  # the check of the federation says why


def _names(told: Federation | None) -> dict[str, str]:
    nodes = told.nodes if told else {}
    named = {name: node.address for name, node in nodes.items() if not node.bastion}
    return {address: name for name, address in named.items() if HOSTNAME.match(address) and not _is_number(address)}


def _is_number(address: str) -> bool:
    return address.replace(".", "").isdigit()

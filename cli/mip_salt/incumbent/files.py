"""The incumbent's files that an import reads, wherever they lie: in its folder, or in a backup of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mip_salt.errors import UsageError
from mip_salt.incumbent.flaws import Flaw, Flaws

MOST_BYTES = 1 << 20
CONFIG = ".ssh/config"
HOSTS, VAULT, VAULT_LEFT = "hosts.ini", "vault.yaml", "vault.yaml.tmp"
EXAREME, ALL = "group_vars/exareme.yaml", "group_vars/all.yaml"
ENVIRONMENT = ".mipenv"
MASTER, WORKER = "docker-compose-master.yml", "docker-compose-worker.yml"
# Before MIP 6.5 there was no docker-swarm.
DEPLOYMENT = ("Federated-Deployment/docker-swarm", "Federated-Deployment")
PLACES: dict[str, tuple[str, ...]] = {
    CONFIG: (CONFIG,),
    ENVIRONMENT: (ENVIRONMENT,),
    **{name: tuple(f"{at}/Docker-Ansible/{name}" for at in DEPLOYMENT) for name in (HOSTS, VAULT, VAULT_LEFT)},
    **{name: tuple(f"{at}/Docker-Ansible/{name}" for at in DEPLOYMENT) for name in (EXAREME, ALL)},
    **{name: tuple(f"{at}/Compose-Files/{name}" for at in DEPLOYMENT) for name in (MASTER, WORKER)},
}
WANTED = {place: name for name, places in PLACES.items() for place in places}


@dataclass(frozen=True)
class File:
    """One file as it was found; it may hold passwords.

    mode
        Its permissions.
    """

    data: bytes = field(repr=False)
    mode: int = 0o600

    def text(self, flaws: Flaws) -> str:
        """Return what it says; bytes that are not UTF-8 are noted, and become U+FFFD."""
        for number, line in enumerate(self.data.split(b"\n"), 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                flaws.add(number, "is not UTF-8")
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Source:
    """What one federation of the incumbent left.

    place
        The folder of its exareme, or the archive, as it was given.
    federation
        Its name, empty if the path does not tell it.
    files
        Name, as in :data:`PLACES`, → file; what is not there is missing here too.
    """

    place: Path
    federation: str
    files: Mapping[str, File]
    flaws: tuple[Flaw, ...] = ()


def name_of(exareme: PurePosixPath | Path) -> str:
    """Return the federation's name that a path to its exareme folder tells, ``/opt/NAME/exareme``."""
    return exareme.parent.name if exareme.name == "exareme" else ""


def nothing_found(place: Path, more: str = "") -> UsageError:
    """Return the error of a path at which no federation of the incumbent lies."""
    return UsageError(
        f"{place}: no federation of mip's pusher is there (no {CONFIG} of an exareme folder)",
        hint=more or "Give /opt/FEDERATION, its exareme folder, or /var/backups/mip_pusher_….tar.gz.",
    )

"""Which files of mip-deployment and exareme the pusher needs; the set differs between releases."""

from __future__ import annotations

import re

from mip_salt.errors import UsageError
from mip_salt.printable import printable
from mip_salt.versions.upstream import Entry, Upstream

VERSIONS_ENV = ".versions_env"
FRONT_END = "Federation/docker-compose.yml"
# Those that are there at a release are taken: the converter is gone since 7.0.0 (read in the tags).
MIP_PATHS = (
    VERSIONS_ENV,
    FRONT_END,
    "Federation/config",
    "config/pathologies_generator.py",
    "config/keycloak/keycloak_roles_sync.py",
    "config/convert-csv-dataset-to-db.py",
)
# Since the exareme of MIP 6.5, and before it.
COMPOSE_FOLDERS = ("Federated-Deployment/docker-swarm/Compose-Files", "Federated-Deployment/Compose-Files")
COMPOSE_FILES = ("docker-compose-master.yml", "docker-compose-worker.yml")
LICENCE = re.compile(r"(LICEN[CS]E|COPYING|NOTICE)[A-Za-z0-9.-]{0,20}\Z", re.IGNORECASE)
PLAIN_PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")
REGULAR = ("100644", "100755")
MAX_FILES = 500


def of_mip(mip: Upstream, commit: str) -> list[str]:
    """Return the paths that are needed of a fetched commit of mip-deployment.

    Raises UsageError if it cannot be deployed by mip-salt.
    """
    found = mip.files(commit, MIP_PATHS)
    if FRONT_END not in {entry.path for entry in found}:
        raise UsageError(
            f"mip-deployment at {commit[:12]} has no {FRONT_END}: mip-salt cannot deploy it",
            hint="Since 8.0.0 MIP is deployed on Kubernetes, by other tools. See: mip-salt version list",
        )
    return _checked(mip, commit, found)


def of_exareme(exareme: Upstream, commit: str) -> tuple[list[str], str]:
    """Return the paths that are needed of a fetched commit of exareme, and the folder of its compose files.

    Raises UsageError if it has none.
    """
    for folder in COMPOSE_FOLDERS:
        found = exareme.files(commit, [f"{folder}/"])
        names = {entry.path.removeprefix(f"{folder}/") for entry in found}
        if names.issuperset(COMPOSE_FILES):
            return _checked(exareme, commit, found), folder
    raise UsageError(
        f"exareme at {commit[:12]} has no {' and '.join(COMPOSE_FILES)}: mip-salt cannot deploy it",
        hint=f"They are looked for in {' and '.join(COMPOSE_FOLDERS)}.",
    )


def _checked(upstream: Upstream, commit: str, found: list[Entry]) -> list[str]:
    """Return the paths of files, and of the licences at the top, or refuse what is no plain file."""
    top = [entry for entry in upstream.files(commit) if LICENCE.match(entry.path) and entry.mode in REGULAR]
    for entry in found:
        if entry.mode not in REGULAR or not PLAIN_PATH.match(entry.path):
            raise UsageError(
                f"{upstream.project} at {commit[:12]} holds {printable(entry.path, 80)!r}, which is no plain file",
                hint="It may not be the repository you mean.",
            )
    if len(found) > MAX_FILES:
        raise UsageError(
            f"{upstream.project} at {commit[:12]} has {len(found)} files where a few are expected",
            hint="It may not be the repository you mean.",
        )
    return [entry.path for entry in (*found, *top)]

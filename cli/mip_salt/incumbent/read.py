"""Read a federation of the incumbent: what its files say, what is wrong with them, and what becomes of it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mip_salt.errors import Damaged, UsageError
from mip_salt.incumbent import ansible_vault, hosts_ini, ssh_config, variables, vault_values
from mip_salt.incumbent.archive import read_archive
from mip_salt.incumbent.files import CONFIG, HOSTS, PLACES, VAULT, VAULT_LEFT, File, Source
from mip_salt.incumbent.flaws import Flaw, Flaws
from mip_salt.incumbent.folder import read_folder
from mip_salt.incumbent.nodes import Found, join
from mip_salt.incumbent.settings import Kept, Left, settings
from mip_salt.incumbent.vault_values import Value

Opener = Callable[[ansible_vault.Sealed], bytes | None]
OPEN_LATER = "every password lies open here: once imported, change them on the nodes, and remove this file"


@dataclass(frozen=True)
class Incumbent:
    """A federation of the incumbent, read.

    opened
        Whether its vault was read.
    """

    source: Source
    nodes: list[Found]
    kept: list[Kept]
    left: list[Left]
    flaws: list[Flaw]
    opened: bool = field(default=False)


def source_of(path: Path) -> Source:
    """Return the files at a path, a folder or an archive.

    Raises UsageError if there is nothing of the incumbent, Damaged if it cannot be read.
    """
    if path.is_dir():
        return read_folder(path)
    if path.is_file():
        return read_archive(path)
    raise UsageError(
        f"{path} is no folder and no archive",
        hint="Give /opt/FEDERATION, its exareme folder, or /var/backups/mip_pusher_….tar.gz.",
    )


def read(source: Source, open_vault: Opener | None) -> Incumbent:
    """Return what the files say.

    open_vault
        Returns what the sealed vault holds, or None to go on without; None not to look into the vault at all.

    Raises what open_vault raises.
    """
    flaws = {name: Flaws(name) for name in PLACES}
    blocks = ssh_config.parse(source.files[CONFIG].text(flaws[CONFIG]), flaws[CONFIG])
    hosts = []
    if HOSTS in source.files:
        hosts = hosts_ini.parse(source.files[HOSTS].text(flaws[HOSTS]), flaws[HOSTS])
    if not hosts:
        flaws[HOSTS].add(0, "is missing or empty: which password is whose is not known")
    values = _vault(source.files, flaws, open_vault) if open_vault else None
    nodes = join(blocks, hosts, values or {}, flaws[CONFIG], flaws[HOSTS])
    found = variables.read(source.files, flaws)
    kept, left = settings(found, hosts, source.federation, flaws, HOSTS)
    told = [*source.flaws, *(flaw for name in PLACES for flaw in flaws[name].all())]
    return Incumbent(source, nodes, kept, left, told, opened=values is not None)


def _vault(files: Mapping[str, File], flaws: dict[str, Flaws], open_vault: Opener) -> dict[str, Value] | None:
    """Return what the vault says; None if it was not opened."""
    if VAULT_LEFT in files and not ansible_vault.is_sealed(files[VAULT_LEFT].data) and files[VAULT_LEFT].data.strip():
        flaws[VAULT_LEFT].add(0, f"was left by a configure that was stopped; {OPEN_LATER}", leak=True)
    file = files.get(VAULT)
    if file is None or not file.data.strip():
        flaws[VAULT].add(0, "is missing or empty: it has no passwords to take")
        return None
    if not ansible_vault.is_sealed(file.data):
        flaws[VAULT].add(0, f"is not encrypted (mode {file.mode:04o}); {OPEN_LATER}", leak=True)
        return vault_values.parse(file.text(flaws[VAULT]), flaws[VAULT])
    try:
        sealed = ansible_vault.read(file.data, VAULT)
    except Damaged as err:
        flaws[VAULT].add(0, f"{err.message.partition(': ')[2] or err.message}; its passwords are not known")
        return None
    plain = open_vault(sealed)
    return None if plain is None else vault_values.parse(File(plain).text(flaws[VAULT]), flaws[VAULT])

"""Federations of the incumbent as an import reads them."""

from incumbents import VAULT_PASSWORD, brain
from mip_salt.incumbent.ansible_vault import unseal
from mip_salt.incumbent.read import read, source_of


def read_at(path, open_vault=lambda sealed: unseal(sealed, VAULT_PASSWORD)):
    return read(source_of(path), open_vault)


def read_with(tmp_path, changes, made=None):
    """Read a federation some of whose files say something else; None removes one."""
    made = made or brain()
    files = {**made.files(), **changes}
    return read_at(made.write(tmp_path, {path: data for path, data in files.items() if data is not None}))


def nodes_of(found):
    return {node.id: node for node in found.nodes}


def passwords_of(found):
    return {node.id: node.password.get_secret_value() if node.password else None for node in found.nodes}


def told(found):
    return "\n".join(map(str, found.flaws))

"""What a command of the vault left in a federation's folder."""

import json

from mip_salt.vault import session
from vaults import PASSPHRASE, Answers

NEW = "an entirely new one €"


def read(folder, name, passphrase=PASSPHRASE):
    with session.open_session(folder, Answers(passphrase)) as vault:
        return vault.read(name)


def journal(folder):
    return [json.loads(line) for line in (folder.log / "journal").read_text().splitlines()]


def assert_closed(folder):
    assert session.status(folder) == session.VaultStatus(True, False, False, ["ms", "wk1", "wk2"])

"""A federation with a real vault, in a short folder: sockets need one."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from mip_salt.federation.document import begin
from mip_salt.federation.folder import Folder
from mip_salt.vault import keyring, session
from mip_salt.vault.entries import Entry

PASSPHRASE = "correct horse é battery"
MACHINES = {"ms": "0" * 31 + "1", "wk1": "a" * 31 + "1", "wk2": "a" * 31 + "2"}
SECRETS = {name: f"pillar-secret-of-{name}" for name in MACHINES}
KEPT = {name: f"kept-password-of-{name}" for name in MACHINES}


class Answers:
    """Whoever knows the passphrase, or does not: answers in turn, the last one again."""

    def __init__(self, *answers):
        self.answers, self.asked = answers or (PASSPHRASE,), 0

    def __call__(self, attempt):
        assert attempt <= 3
        self.asked += 1
        return self.answers[min(attempt, len(self.answers)) - 1]

    def new(self):
        return self.answers[0]


class Nobody:
    """Nobody is there to ask."""

    def __call__(self, attempt):
        raise AssertionError("the passphrase was asked for")

    new = __call__


def entry_of(name):
    """The entry of a node: what proves it, a secret for Salt, and a password kept for the operator."""
    identity = {"hostname": f"brain-{name}", "machine_id": MACHINES[name]}
    return Entry({"mip": {"identity": identity}, "db": {"password": SECRETS[name]}}, {"password": KEPT[name]})


@contextlib.contextmanager
def quick_keys():
    """Make keys that cost gpg-agent next to nothing to open: these tests open some thousand times."""
    product = keyring.AGENT_CONF
    keyring.AGENT_CONF = product.replace("s2k-count 16777216", "s2k-count 65536")
    try:
        yield
    finally:
        keyring.AGENT_CONF = product


def make_federation(path, passphrase=PASSPHRASE, nodes=MACHINES):
    """A federation of nodes with entries, locked."""
    folder = Folder(Path(path))
    folder.create()
    begin(folder)
    rows = [
        f"{name}: {{role: {'master' if name == 'ms' else 'worker'}, address: 10.9.9.{number},"
        f" hostname: brain-{name}, machine_id: {MACHINES[name]!r}}}\n"
        for number, name in enumerate(nodes, 1)
    ]
    text = f"mip:\n  federation: {folder.name}\n  nodes:\n" + "".join(f"    {row}" for row in rows)
    folder.document.write_text(text if nodes else text.replace("nodes:", "nodes: {}"))
    with quick_keys(), session.open_session(folder, Answers(passphrase), create=True) as vault:
        for name in nodes:
            vault.write(name, entry_of(name))
    return folder


@contextlib.contextmanager
def short_folder():
    """A folder whose path leaves room for sockets; what runs in it is ended."""
    root = Path(tempfile.mkdtemp(prefix="mv", dir="/tmp"))
    try:
        yield root
    finally:
        for made in root.iterdir():
            if made.is_dir():
                session.lock(Folder(made))
        shutil.rmtree(root)


def copy_of(folder, path):
    """The same federation elsewhere, as from a backup."""
    assert not list(folder.gnupg.glob("S.*")), "locked federations only"
    return Folder(Path(shutil.copytree(folder.path, path)))

"""A federation under test: its folder, and mip-salt and salt-ssh run on it as an operator runs them."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.node_ids import role_of
from mip_salt.lab.release import MIP
from mip_salt.ssh.pins import read
from wheelhouse import wheelhouse

PASSPHRASE = "tenu gano tive juzu sufi é€"
BIN = Path(sys.executable).parent
THIN: list[Path] = []


class FederationUnderTest:
    """One federation; the vault's passphrase comes from the environment, as an operator's automation gives it.

    root
        Short: gpg-agent's and ssh-agent's sockets lie under it.
    """

    def __init__(self, root: Path, name: str = "brain", passphrase: str = PASSPHRASE) -> None:
        self.root, self.name, self.passphrase = root, name, passphrase
        self.folder = Folder(root / name)

    @property
    def federation(self) -> Federation:
        return load(self.folder)

    @property
    def pinned(self) -> list[str]:
        """Return the ids that known_hosts pins."""
        return sorted(read(self.folder.known_hosts))

    @property
    def environ(self) -> dict[str, str]:
        own = {
            "MIP_SALT_ROOT": str(self.root),
            "MIP_SALT_VAULT_PASSPHRASE": self.passphrase,
            "MIP_SALT_WHEELHOUSE": str(wheelhouse()),
        }
        return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "80", "TERM": "xterm", **own}

    def cli(self, *words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run mip-salt on the federation, without a terminal."""
        call = [str(BIN / "mip-salt"), "-f", self.name, *words]
        more = {"stdin": subprocess.DEVNULL, "env": self.environ, **more}
        done = subprocess.run(call, capture_output=True, text=True, timeout=240, **more)
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def salt_ssh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run raw salt-ssh in the federation's folder."""
        call = [str(BIN / "salt-ssh"), *words]
        env = {k: v for k, v in self.environ.items() if not k.startswith("MIP_SALT")}
        with self._thin_of_the_first():
            return subprocess.run(
                call,
                capture_output=True,
                text=True,
                timeout=240,
                cwd=self.folder.path,
                env=env,
                stdin=subprocess.DEVNULL,
            )

    @contextmanager
    def _thin_of_the_first(self) -> Iterator[None]:
        """Give salt-ssh the thin that it made for the session's first federation: it makes each the same."""
        own = self.folder.run / "cache" / "thin"
        if THIN and not own.exists():
            own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copytree(THIN[0], own)
        yield
        if not THIN and (own / "thin.tgz").exists():
            kept = tempfile.TemporaryDirectory(prefix="mip-thin-")
            atexit.register(kept.cleanup)
            THIN.append(Path(kept.name, "thin"))
            shutil.copytree(own, THIN[0])

    def configure(self, nodes: dict[str, Any], *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `configure --from` on nodes as a file would tell them, which comes by stdin."""
        return self.cli("configure", "--from", "-", "--no-input", *words, check=check, **feed(nodes))


def feed(nodes: dict[str, Any]) -> dict[str, Any]:
    """Return what gives a nodes file to a command's stdin."""
    return {"stdin": None, "input": yaml.safe_dump({"nodes": nodes})}


def wish(name: str, node: Any, **changes: Any) -> dict[str, Any]:
    """Return a lab node as a nodes file tells it; a change of None leaves the field out."""
    row = {
        "role": str(role_of(name)),
        "address": node.address,
        "port": node.port,
        "user": node.user,
        "password": node.password,
        "host_key": node.host_key,
        "hostname": node.hostname,
        **changes,
    }
    return {key: value for key, value in row.items() if value is not None}


@contextmanager
def unlocked(lab: Any, *nodes: str) -> Iterator[FederationUnderTest]:
    """Give a federation of some of the lab's nodes, unlocked until the end."""
    with tempfile.TemporaryDirectory(prefix="mip-", dir="/tmp") as name:
        federation = FederationUnderTest(Path(name))
        for node in nodes:
            lab.node(node).forget()
        federation.configure({node: wish(node, lab.node(node)) for node in nodes})
        federation.cli("vault", "unlock")
        try:
            yield federation
        finally:
            federation.cli("vault", "lock")


@contextmanager
def to_run(lab: Any, nodes: Sequence[str]) -> Iterator[tuple[FederationUnderTest, str]]:
    """Give a federation of some of the lab's nodes, unlocked, with the lab's own version to run: nothing runs yet.

    With it comes what `lab settings` said. In the end the nodes are bare.
    """
    with tempfile.TemporaryDirectory(prefix="mip-", dir="/tmp") as name:
        federation = FederationUnderTest(Path(name))
        try:
            mip, exareme = lab.stand_in([lab.node(node) for node in nodes])
            sources = ("--mip-source", str(mip), "--exareme-source", str(exareme))
            federation.cli("install", "--yes", "--version", MIP, *sources)
            said = federation.cli("lab", "settings", env={**federation.environ, "MIP_SALT_LAB": str(lab.folder)}).stderr
            federation.configure({node: wish(node, lab.node(node)) for node in nodes})
            federation.cli("vault", "unlock")
            yield federation, said
        finally:
            federation.cli("vault", "lock", check=False)
            with ThreadPoolExecutor(len(nodes)) as pool:
                list(pool.map(lambda node: lab.node(node).reset(), nodes))

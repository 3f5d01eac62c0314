"""A node with a user for one test, and a federation that meets it for the first time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.node_ids import Role
from mip_salt.ssh.first_contact import Contact, enrol
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.scan import Target, scan
from waiting import until

USER, PASSWORD = "tester", "a fine password"


@dataclass
class Host:
    """A lab node with a user for one test."""

    node: Any
    port: int

    @property
    def target(self) -> Target:
        return Target("wk1", self.node.address, self.port, USER)

    def sh(self, command: str, check: bool = True) -> str:
        return str(self.node.run(command, check=check))

    def scan(self) -> list[HostKey]:
        return asyncio.run(scan(self.target))

    def set_password(self, password: str) -> None:
        quoted = password.replace("'", "'\"'\"'")
        self.sh(f"printf '%s\\n' '{USER}:{quoted}' | chpasswd")

    @contextmanager
    def sshd(self, port: int = 2222, key: str = "/etc/ssh/ssh_host_ed25519_key", **options: str) -> Iterator[Host]:
        """Run another sshd, with options and a log of its own."""
        base = f"/run/mip-test-{port}"
        free = {"PerSourcePenalties": "no"} if penalties(self) else {}
        settings = {"UsePAM": "yes", **free, "Port": str(port), "HostKey": key, "PidFile": f"{base}.pid", **options}
        text = "".join(f"{name} {value}\\n" for name, value in settings.items())
        self.sh(f"printf '{text}' > {base}.conf; rm -f {base}.log; /usr/sbin/sshd -f {base}.conf -E {base}.log")
        try:
            assert until(lambda: bool(self.sh(f"cat {base}.pid", check=False)))
            yield Host(self.node, port)
        finally:
            self.sh(f"kill $(cat {base}.pid)", check=False)
            assert until(lambda: not self.sh(f"ss -Hltn sport = :{port}"))

    def log(self) -> str:
        return self.sh(f"cat /run/mip-test-{self.port}.log")


def penalties(host: Host) -> bool:
    """Say whether the sshd punishes logins that fail (OpenSSH 9.8): the tests are full of them."""
    return "persourcepenalties" in host.sh("/usr/sbin/sshd -T", check=False)


def cleared(host: Host) -> Host:
    host.sh(f"pkill -KILL -u {USER}; userdel -rf {USER}; sed -i '/^{USER} /d' /etc/sudoers.d/mip-salt", check=False)
    return host


@contextmanager
def new_user(lab: Any) -> Iterator[Host]:
    """Give a node with a new user in the group sudo."""
    node = lab.node("wk1")
    host = cleared(Host(node, node.port))
    punishes = penalties(host)
    if punishes:
        host.sh("echo PerSourcePenalties no > /etc/ssh/sshd_config.d/00-mip-test.conf; systemctl reload ssh")
    host.sh(f"useradd -m -s /bin/bash -G sudo {USER}")
    host.set_password(PASSWORD)
    yield host
    cleared(host)
    if punishes:
        host.sh("rm -f /etc/ssh/sshd_config.d/00-mip-test.conf; systemctl reload ssh")


@contextmanager
def unlocked_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Give an unlocked federation: an identity in an ssh-agent. The operator has no keys."""
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    folder = Folder(root / "brain")
    folder.create()
    with agent(folder.agent_socket, folder.identity, "mip-salt:brain"):
        yield folder


@contextmanager
def agent(socket: Path, key: Path, comment: str) -> Iterator[None]:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", key], check=True)
    said = subprocess.run(["ssh-agent", "-a", socket], check=True, capture_output=True, text=True).stdout
    try:
        env = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", key], check=True, env=env)
        yield
    finally:
        os.kill(int(said.split("SSH_AGENT_PID=")[1].split(";")[0]), signal.SIGTERM)


def contact(
    folder: Folder, host: Host, keys: list[HostKey], password: str | None = PASSWORD, asked: list[int] | None = None
) -> Contact:
    """Enrol a host as the workflow does."""

    def ask() -> str | None:
        (asked if asked is not None else []).append(1)
        return password

    return asyncio.run(
        enrol(
            host.target,
            keys,
            agent_path=str(folder.agent_socket),
            public_key=folder.identity_public.read_text("utf-8"),
            password=ask,
            progress=lambda text: None,
        )
    )


def federation(host: Host, **more: Any) -> Federation:
    node = Node(role=Role.WORKER, address=host.node.address, port=host.port, user=USER, **more)
    return Federation(federation="brain", nodes={"wk1": node})


def shell(host: Host, text: str) -> None:
    """Give the user a login shell that runs a text whatever it is told to."""
    host.sh(f"printf '#!/bin/sh\\n{text}\\n' > /usr/local/bin/mip-shell; chmod 755 /usr/local/bin/mip-shell")
    host.sh(f"usermod -s /usr/local/bin/mip-shell {USER}")

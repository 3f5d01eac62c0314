"""A node of a lab, as tests and people handle it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from mip_salt.errors import NodeFailed, Unreachable
from mip_salt.federation.node_ids import Role, role_of
from mip_salt.lab import machine as machines
from mip_salt.lab import network
from mip_salt.lab.base import USER
from mip_salt.lab.machine import PORT, Machine, Record
from mip_salt.lab.processes import init_of
from mip_salt.printable import printable

# What mip-salt puts on a node: the identity, the sudo drop-in, Salt's thin.
OURS = f"/home/{USER}/.ssh /etc/sudoers.d/mip-salt* /var/tmp/.{USER}* /var/lib/mip-salt"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True)
class LabNode:
    """One node: how it is reached and proves itself, and what can be done to it."""

    machine: Machine
    record: Record
    port: int = PORT
    user: str = USER

    @property
    def id(self) -> str:
        """Return its id: ms, ui, wk1, …"""
        return self.machine.id

    @property
    def role(self) -> Role:
        """Return what it does in its federation."""
        return role_of(self.id)

    @property
    def password(self) -> str:
        """Return the password of its user."""
        return self.record.password

    @property
    def host_key(self) -> str:
        """Return the fingerprint of its ed25519 host key, as read on its own disk."""
        return self.record.host_key

    @property
    def hostname(self) -> str:
        """Return what it calls itself."""
        return self.machine.hostname

    @property
    def address(self) -> str:
        """Return its IPv4 address."""
        return network.addresses(self.id)[0]

    @property
    def address6(self) -> str:
        """Return its IPv6 address, empty where this machine's kernel has no IPv6."""
        return network.addresses(self.id)[1] if network.has_ipv6() else ""

    @property
    def up(self) -> bool:
        """Say whether it runs."""
        return self.machine.process() is not None

    def run(self, cmd: str, *, check: bool = True, timeout: float = 60, stdin: bytes = b"") -> str:
        """Run a shell command on it as root, past its sshd and network; return its stdout.

        check
            Raise NodeFailed if the command fails.
        timeout
            Seconds it may take; then Unreachable is raised.
        stdin
            What the command reads.
        """
        process = self.machine.process()
        init = init_of(process) if process else 0
        if not init:
            raise Unreachable("the machine is off", node=self.id, hint="Boot it: mip-salt lab up")
        try:
            done = subprocess.run(
                ["nsenter", "--target", str(init), "--all", "sh", "-c", cmd],
                input=stdin,
                capture_output=True,
                timeout=timeout,
                env=ENVIRONMENT,
            )
        except subprocess.TimeoutExpired:
            raise Unreachable(
                f"{printable(cmd)} did not end in {timeout:.0f} s",
                node=self.id,
                hint="The machine may be overloaded; run it again, or: mip-salt lab down",
            ) from None
        if check and done.returncode:
            said = printable(done.stderr.strip() or done.stdout.strip())
            raise NodeFailed(
                f"{printable(cmd)} exited with {done.returncode}: {said}",
                node=self.id,
                hint="Look at it on the machine: mip-salt lab list shows how to get there.",
            )
        return done.stdout.decode("utf-8", "replace")

    def cut(self) -> None:
        """Cut its network cable."""
        network.set_cable(self.id, "down")

    def heal(self) -> None:
        """Mend its network cable."""
        network.set_cable(self.id, "up")

    def stop(self) -> None:
        """Power it off; its disk stays."""
        machines.stop(self.machine)

    def start(self) -> None:
        """Boot it, if it is off, and wait until it answers."""
        if not self.up:
            machines.boot(self.machine)
        machines.wait(self.machine)

    def forget(self) -> None:
        """Remove what mip-salt put on it: the identity, the right to sudo, Salt."""
        self.run(f"rm -rf {OURS}")

    def reset(self) -> LabNode:
        """Replace it by a new machine with the same address, name and password; return that one.

        Its disk, host keys and machine-id are new.
        """
        fresh = LabNode(self.machine, machines.prepare(self.machine, self.password))
        fresh.start()
        return fresh

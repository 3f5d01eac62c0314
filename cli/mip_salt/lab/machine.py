"""One machine of a lab: its disk prepared, booted, stopped."""

from __future__ import annotations

import json
import shutil
import socket
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.federation.files import write_atomic
from mip_salt.lab import network
from mip_salt.lab.base import USER
from mip_salt.lab.cgroups import host_has_systemd, machines_with_groups, make_groups, remove_groups
from mip_salt.lab.disk import mount, mounted_under, unmount
from mip_salt.lab.processes import DIRECTORY, MACHINE, PREFIX, Running, clear, end, init_of, running
from mip_salt.lab.tools import call, put
from mip_salt.printable import printable

PORT = 22
# Written last when a disk is prepared: without it, the disk is half made.
RECORD = "node.json"
CONSOLE = "console.log"
BOOT_SECONDS = 60
POWER_OFF_SECONDS = 10
# A throwaway disk needs no orderly end.
DISCARD_SECONDS = 1.0
# What Docker's engine needs beyond what a machine of systemd-nspawn may do.
DOCKER_WORDS = ["--capability=all", "--system-call-filter=add_key keyctl bpf"]


@dataclass(frozen=True)
class Record:
    """What opens a machine, and the fingerprint of its ed25519 host key."""

    password: str = field(repr=False)
    host_key: str


@dataclass(frozen=True)
class Machine:
    """Where one machine's things are.

    folder
        Its folder in the lab.
    hostname
        What it calls itself.
    base
        The disk under its own.
    docker
        Whether a Docker engine is on it.
    """

    id: str
    folder: Path
    hostname: str
    base: Path
    docker: bool

    @property
    def name(self) -> str:
        """Return what this machine calls it: its process, its network namespace and cable, its cgroup."""
        return network.link_of(self.id)

    def process(self) -> Running | None:
        """Return the process it runs in, if it runs; never that of another lab."""
        return next((found for found in running() if found.root == self.folder / "root"), None)

    def record(self) -> Record | None:
        """Return what was noted of its disk, or None if that is half made."""
        try:
            record = json.loads((self.folder / RECORD).read_text("utf-8"))
            return Record(str(record["password"]), str(record["host_key"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def leftovers() -> list[str]:
    """Return the ids of nodes of which something is here besides their disks: a killed run's too."""
    names = network.machines_with_network() | machines_with_groups()
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))


def prepare(machine: Machine, password: str) -> Record:
    """Make a machine's disk anew: its own host keys, machine-id, name and password."""
    wipe(machine)
    root = mount(machine.folder, machine.base)
    put(root / "etc/hostname", f"{machine.hostname}\n")
    put(root / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {machine.hostname}\n::1 localhost ip6-localhost\n")
    put(root / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    call(["chroot", str(root), "chpasswd"], stdin=f"{USER}:{password}\n")
    call(["ssh-keygen", "-q", "-A", "-f", str(root)])
    said = call(["ssh-keygen", "-l", "-E", "sha256", "-f", str(root / "etc/ssh/ssh_host_ed25519_key.pub")])
    record = Record(password, said.split()[1])
    write_atomic(machine.folder / RECORD, json.dumps(asdict(record)))
    return record


def boot(machine: Machine) -> None:
    """Boot a prepared machine that is off, after clearing what a killed one left."""
    stop(machine)
    root, name = mount(machine.folder, machine.base), machine.name
    network.plug(machine.id)
    words = [
        *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--settings=no", "--link-journal=no"),
        *("--console=pipe", "--resolv-conf=off", "--timezone=off", f"--hostname={machine.hostname}"),
        *(MACHINE + name, DIRECTORY + str(root), f"--network-namespace-path=/run/netns/{name}"),
    ]
    if not host_has_systemd():
        words.append("--keep-unit")
    if machine.docker:
        # An overlay cannot hold the overlays of Docker's images.
        (machine.folder / "docker").mkdir(mode=0o711, exist_ok=True)
        words = ["env", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=1", *words, *DOCKER_WORDS]
        words.append(f"--bind={machine.folder / 'docker'}:/var/lib/docker")
    console = machine.folder / CONSOLE
    put(console, "", 0o600)
    join = "".join(f"echo $$ >{group}/cgroup.procs; " for group in make_groups(name))
    # Not our child: it outlives this command, and nobody has to reap it.
    call(["setsid", "--fork", "sh", "-c", join + 'exec "$@" </dev/null >"$0" 2>&1', str(console), *words])


def wait(machine: Machine, seconds: float = BOOT_SECONDS) -> None:
    """Wait until people may log in: sshd answers and the machine has let users in.

    Raises Damaged, with the machine's last words, if it ends or does not answer in time.
    """
    start = time.monotonic()
    address = network.addresses(machine.id)[0]
    while True:
        process, age = machine.process(), time.monotonic() - start
        if process and _banner(address):
            # sshd answers a moment before PAM lets anyone but root in (systemd-user-sessions).
            if not Path("/proc", str(init_of(process)), "root/run/nologin").exists():
                return
        elif age > (3 if not process else seconds):
            console = machine.folder / CONSOLE
            last = console.read_text("utf-8", "replace").strip().splitlines()
            raise Damaged(
                f"the machine {'does not answer' if process else 'ended while booting'}"
                + (f": {printable(last[-1])}" if last else ""),
                node=machine.id,
                hint=f"Its console: {console}",
            )
        time.sleep(0.05)


def stop(machine: Machine, grace: float = POWER_OFF_SECONDS) -> None:
    """Power a machine off, kill it if it takes too long, and take its cable away; its disk stays.

    grace
        Seconds that an orderly end may take.
    """
    process = machine.process()
    if process:
        end(process, grace)
    clear(machine.folder / "upper")
    if machine.name not in {other.machine for other in running()}:  # else its network is another lab's
        network.unplug(machine.id)
        remove_groups(machine.name)


def wipe(machine: Machine) -> None:
    """Stop a machine and remove its disk, whatever of it there is."""
    stop(machine, DISCARD_SECONDS)
    for point in mounted_under(machine.folder):
        unmount(point)
    if machine.folder.exists():
        shutil.rmtree(machine.folder)
    machine.folder.mkdir(mode=0o700, parents=True)


def _banner(address: str) -> bool:
    try:
        with socket.create_connection((address, PORT), timeout=1) as link:
            return link.recv(4) == b"SSH-"
    except OSError:
        return False

"""A lab: a throwaway federation of real machines on this one."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mip_salt.errors import Busy, Damaged, MipError, UsageError
from mip_salt.federation.files import write_atomic
from mip_salt.federation.node_ids import NODE_ID, order_of
from mip_salt.lab import images, network, release
from mip_salt.lab import machine as machines
from mip_salt.lab.base import base_path, build, discard_all
from mip_salt.lab.lock import held
from mip_salt.lab.machine import Machine
from mip_salt.lab.node import LabNode
from mip_salt.lab.processes import running
from mip_salt.lab.requirements import require_root
from mip_salt.lab.tools import Progress, silent

DEFAULT_FOLDER = Path("/var/lib/mip-salt-lab")
IDS = ("ms", "ui", "wk1", "wk2")
# What mount or mmdebstrap would read as more than a name.
ODD = re.compile(r"[,:;'\"\\\s]")


def default_folder() -> Path:
    """Return where the lab lies: MIP_SALT_LAB, else /var/lib/mip-salt-lab."""
    return Path(os.environ.get("MIP_SALT_LAB") or DEFAULT_FOLDER).absolute()


class Lab:
    """The lab in a folder. Its network has fixed names, so one lab runs at a time on a machine.

    folder
        Its state, secrets and disks; 0700.
    cache
        The folder of base images; else MIP_SALT_LAB_BASE, else in the lab's folder.
    """

    def __init__(self, folder: Path | None = None, cache: Path | None = None) -> None:
        self.folder = (folder or default_folder()).absolute()
        self.cache = (cache or Path(os.environ.get("MIP_SALT_LAB_BASE") or self.folder / "base")).absolute()
        self._nodes = self.folder / "nodes"
        self._record = self.folder / "lab.json"

    def up(
        self,
        ids: Sequence[str] = IDS,
        release: str = "bookworm",
        docker: bool = True,
        name: str = "demo",
        progress: Progress = silent,
        others: Mapping[str, str] = MappingProxyType({}),
    ) -> list[LabNode]:
        """Boot the nodes that do not run yet; return all nodes.

        ids
            Node ids: ms, ui, wk1, …
        release
            Debian's code name.
        others
            Nodes that have another Debian, and its code name.
        docker
            Whether the nodes have a Docker engine.
        name
            What hostnames begin with.

        Raises Busy if another lab runs here, UsageError if this one is of another kind, Damaged if a machine fails.
        """
        require_root()
        for path in (self.folder, self.cache):
            if ODD.search(str(path)):
                raise UsageError(
                    f"{path}: a lab's folder has no comma, colon, quote, backslash or space in its name",
                    hint="Choose another folder: MIP_SALT_LAB=/var/lib/mip-salt-lab",
                )
        for node in ids:
            network.addresses(node)
        releases = {node: others.get(node, release) for node in ids}
        bases = {node: base_path(self.cache, releases[node], docker).name for node in ids}
        with held():
            kind = self._kind({"name": name, "docker": docker, "bases": bases})
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            for each in dict.fromkeys(releases.values()):
                build(base_path(self.cache, each, docker), each, docker, progress)
            write_atomic(self._record, json.dumps(kind))
            network.open_bridge()
            progress(f"booting {', '.join(ids)}")
            self._side_by_side([self._machine(node, kind) for node in ids], _started, progress)
        return self.nodes()

    def stand_in(self, nodes: Sequence[LabNode], progress: Progress = silent) -> tuple[Path, Path]:
        """Load the stand-in images on nodes, and make the release that names them.

        Returns the two sources to install from: mip-deployment's and exareme's.

        Raises Damaged if the images cannot be built, NodeFailed if a node does not take them.
        """
        with held():
            path = images.build(self.cache, progress)
            images.load([node for node in nodes if node.machine.docker], path, progress)
            return release.make(self.folder / "release")

    def down(self, *, everything: bool = False, progress: Progress = silent) -> None:
        """End the machines and remove all of the lab but the base images.

        everything
            Remove the base images too.
        """
        require_root()
        with held():
            found = [path.name for path in self._nodes.glob("*")]
            if not self.others():
                found += machines.leftovers()
            chosen = sorted({node for node in found if NODE_ID.match(node)}, key=order_of)
            self._side_by_side([self._machine(node, {}) for node in chosen], _removed, progress)
            if not self.others():
                network.close_bridge()
            self._record.unlink(missing_ok=True)
            shutil.rmtree(self.folder / "release", ignore_errors=True)
            if everything:
                discard_all(self.cache)
            for left in (self._nodes, self.folder):
                if left.is_dir() and not any(left.iterdir()):
                    left.rmdir()

    def nodes(self) -> list[LabNode]:
        """Return the lab's nodes, whether they run or not.

        Raises Damaged if only root may know.
        """
        try:
            kind = json.loads(self._record.read_text("utf-8"))
            found = [self._machine(path.name, kind) for path in self._nodes.iterdir()]
        except PermissionError:
            raise Damaged(f"{self.folder} is readable by root only", hint="Run it again with sudo.") from None
        except (OSError, ValueError):
            return []
        known = [(machine, machine.record()) for machine in found if NODE_ID.match(machine.id)]
        nodes = [LabNode(machine, record) for machine, record in known if record]
        return sorted(nodes, key=lambda node: order_of(node.id))

    def node(self, node: str) -> LabNode:
        """Return one node by its id; KeyError if the lab has none of that id."""
        return {known.id: known for known in self.nodes()}[node]

    def others(self) -> set[Path]:
        """Return the folders of other labs that run here."""
        return {found.lab for found in running()} - {self.folder}

    def _machine(self, node: str, kind: dict[str, Any]) -> Machine:
        base = self.cache / kind.get("bases", {}).get(node, "none")
        return Machine(node, self._nodes / node, f"{kind.get('name')}-{node}", base, bool(kind.get("docker")))

    def _kind(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return what the lab is with the nodes that it has already.

        Raises Busy if another lab runs here, UsageError if this one is of another kind.
        """
        for other in self.others():
            raise Busy(
                f"another lab runs here, in {other}",
                hint=f"Take it down first: MIP_SALT_LAB={other} mip-salt lab down",
            )
        if not self.nodes():
            return wanted
        there = json.loads(self._record.read_text("utf-8"))
        kind = {**wanted, "bases": {**there.get("bases", {}), **wanted["bases"]}}
        # Nodes may be added; those that are there stay what they are.
        if {**there, "bases": {**kind["bases"], **there.get("bases", {})}} != kind:
            raise UsageError(
                "a lab with another name, release or engine is up", hint="Take it down first: mip-salt lab down"
            )
        return kind

    def _side_by_side(self, chosen: list[Machine], work: Callable[[Machine], str], progress: Progress) -> None:
        """Do work on all machines at once; raise the first error when all have ended."""
        errors: list[MipError] = []
        with ThreadPoolExecutor(max_workers=8) as pool:
            for done in as_completed([pool.submit(work, machine) for machine in chosen]):
                error = done.exception()
                if error and not isinstance(error, MipError):
                    raise error
                if isinstance(error, MipError):
                    errors.append(error)
                else:
                    progress(done.result())
        for error in errors:
            raise error


def _started(machine: Machine) -> str:
    """Boot a machine unless it runs and answers."""
    if machine.process() and not network.rewire(machine.id):
        machines.stop(machine)
    if not machine.process():
        if not machine.record():
            machines.prepare(machine, secrets.token_urlsafe(15))
        machines.boot(machine)
    machines.wait(machine)
    return f"{machine.id} is up at {network.addresses(machine.id)[0]}"


def _removed(machine: Machine) -> str:
    """Remove a machine."""
    machines.wipe(machine)
    machine.folder.rmdir()
    return f"{machine.id} is gone"

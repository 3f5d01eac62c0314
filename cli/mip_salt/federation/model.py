"""What a federation is: the schema of ``pillar/federation.sls``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictStr, model_validator

from mip_salt.federation.address import valid_address, valid_hostname
from mip_salt.federation.folder import NAME
from mip_salt.federation.kinds import Strict, User, matching
from mip_salt.federation.node_ids import NODE_ID, Role, order_of, role_of
from mip_salt.federation.problems import did_you_mean
from mip_salt.federation.settings import Settings

MACHINE_ID = re.compile(r"[0-9a-f]{32}\Z")
COMMIT = re.compile(r"[0-9a-f]{40}\Z")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable text")
    return text


Address = Annotated[StrictStr, AfterValidator(valid_address)]
Hostname = Annotated[StrictStr, AfterValidator(valid_hostname)]
MachineId = Annotated[StrictStr, matching(MACHINE_ID, "a machine-id is 32 of 0-9 and a-f, in quotes")]
Site = Annotated[StrictStr, Field(max_length=80), AfterValidator(_one_line)]
Commit = Annotated[StrictStr, matching(COMMIT, "a commit is 40 of 0-9 and a-f, in quotes")]
Version = Annotated[StrictStr, Field(max_length=100), AfterValidator(_one_line)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


class Access(Strict):
    """How a node is reached and logged in to."""

    role: Role
    address: Address
    port: Port = 22
    user: User = "mipadmin"
    site: Site | None = Field(default=None, description="the hospital, as people call it")
    bastion: StrictStr | None = Field(default=None, description="id of the node through which this one is reached")
    hostname: Hostname | None = Field(default=None, description="its real hostname, as the operator confirmed it")


class Node(Access):
    """A node whose machine the operator confirmed."""

    machine_id: MachineId | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class Versions(Strict):
    """Which MIP and which exareme are installed; ``mip-salt install`` writes it down."""

    mip: Version | None = Field(default=None, description="release, branch or commit of mip-deployment")
    exareme: Version | None = Field(default=None, description="release, branch or commit of exareme")
    mip_commit: Commit | None = None
    exareme_commit: Commit | None = None


def check_nodes(nodes: dict[str, Any]) -> None:
    """Raise ValueError if nodes contradict their ids or each other."""
    seen: dict[tuple[str, int], str] = {}
    for name, node in nodes.items():
        if node.role is not role_of(name):
            raise ValueError(f"{name} is a {node.role}, but its id says {role_of(name)}")
        where = (node.address, node.port) if not node.bastion else (f"{node.bastion}>{node.address}", node.port)
        if where in seen:
            raise ValueError(f"{name} has the address of {seen[where]}")
        seen[where] = name
        near = did_you_mean(node.bastion or "", [other for other in nodes if other != name])
        if node.bastion and (node.bastion == name or node.bastion not in nodes):
            raise ValueError(f"{name}: its bastion {node.bastion!r} is not another node here{near}")
        if node.bastion and nodes[node.bastion].bastion:
            raise ValueError(f"{name}: its bastion {node.bastion!r} is itself behind a bastion")


NodeId = Annotated[StrictStr, matching(NODE_ID, "a node's id is ms (master), ui, or wk1, wk2, … (workers)")]


class Federation(Strict):
    """One federation: its nodes and what differs from the defaults."""

    federation: Annotated[StrictStr, matching(NAME, "1 to 32 of a-z, 0-9 and -")]
    versions: Versions = Versions.model_construct()
    nodes: dict[NodeId, Node] = Field(default={})
    settings: Settings = Settings.model_construct()

    @model_validator(mode="after")
    def _consistent(self) -> Federation:
        check_nodes(self.nodes)
        return self

    def ids(self) -> list[str]:
        """Return the ids of all nodes: master, ui, workers by number."""
        return sorted(self.nodes, key=order_of)

    def enabled(self) -> list[str]:
        """Return the ids of the nodes that commands work on."""
        return [name for name in self.ids() if self.nodes[name].enabled]

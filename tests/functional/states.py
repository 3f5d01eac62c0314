"""The tree of states, and what a node is told for it."""

import os

from mip_salt.federation.settings import Settings
from mip_salt.pillars.mip_federation import PUSHERS

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKkz3qkBqLhQ9kqtpg1KJyWFKsd0cTBHD3ZMxkOyE4Qb mip-salt:brain"
MACHINE_ID = "104a81cbac7c46d7a67f2a2d8553ec55"
HOSTNAME = os.uname().nodename
ROLES = ["master", "ui", "worker"]
EVERY_NODE = [
    ("mip-host-verified", "mip_host.verified"),
    ("mip-identity-present", "mip_identity.present"),
    ("mip-data-group-present", "group.present"),
    ("mip-data-user-present", "user.present"),
    ("mip-data-user-groups", "user.present"),
    ("mip-data-root-directory", "file.directory"),
    ("mip-data-federation-directory", "file.directory"),
    ("mip-hosts-brain-ms-present", "host.present"),
    ("mip-time-synchronised", "mip_time.synchronised"),
    ("mip-docker-installed", "mip_docker.installed"),
    ("mip-docker-running", "mip_docker.running"),
]
COMPONENTS = ["mip.identity", "mip.data", "mip.hosts", "mip.time", "mip.docker", "mip.compose", "mip.master"]
RUNS = ["mip.swarm.encryptable", "mip.swarm.manager", "mip.swarm.worker", "mip.stacks", "mip.ui"]
RUNS += [f"mip.{part}.{how}" for part in ("stacks", "ui", "portainer") for how in ("stopped", "restarted")]
RUNS += ["mip.portainer", "mip.service.deployed"]
ITS_OWN = {
    "master": [("mip-master-directory", "file.directory")],
    "ui": [("mip-compose-installed", "mip_compose.installed")],
    "worker": [],
}


def pillar(role="worker", node="wk1", user="mipadmin", hostname=HOSTNAME, machine_id=MACHINE_ID):
    """Return what the vault and the federation tell a node."""
    return {
        "mip": {
            "federation": "brain",
            "node": {"id": node, "role": role, "hostname": hostname, "site": None, "user": user},
            "settings": Settings().model_dump(mode="json", exclude=set(PUSHERS)),
            "peers": {},
            "hosts": {"brain-ms": "10.0.0.11"},
            "identity": {"public_key": KEY, "hostname": hostname, "machine_id": machine_id},
        }
    }


def running(role="worker", node="wk1", encrypted=True):
    """Return what they are told once a version of MIP is installed."""
    given = pillar(role, node)
    network = {
        "name": "mip-federation",
        "subnet": "10.20.30.0/24",
        "mtu": 0,
        "gateway": "10.20.30.254",
        "encrypted": encrypted,
    }
    worker = {"compose": "docker-compose-worker.yml", "env": {}}
    stacks = [
        {
            "id": "ms",
            "hostname": "brain-ms",
            "address": "10.0.0.11",
            "enabled": True,
            "compose": "docker-compose-master.yml",
            "env": {"A": "1"},
        },
        {**worker, "id": "wk1", "hostname": "brain-wk1", "address": "10.0.0.21", "enabled": True},
        {**worker, "id": "wk2", "hostname": "brain-wk2", "address": "10.0.0.22", "enabled": False},
    ]
    files = {"docker-compose-master.yml": "a: {{ 1 }}\n", "docker-compose-worker.yml": "b: 2\n"}
    env = {"EXAREME_IP": "10.0.0.11", "SECRET": 'a"b{{ 1+1 }}'}
    given["mip"].update(
        version={"mip": "7.1.0", "exareme": "24.5.1"},
        swarm={"manager": "10.0.0.11", "address": "10.0.0.21", "network": network},
        stack={"files": files, "stacks": stacks},
        ui={"files": {"Federation/docker-compose.yml": "services: {}\n"}, "env": env},
    )
    return given


def low(tree, given, node="wk1"):
    """Return the low state; a list of errors is a failure."""
    chunks = tree(given, node).compile_low_chunks()
    assert all(isinstance(chunk, dict) for chunk in chunks), chunks
    return chunks


def words(chunks):
    return [(chunk["__id__"], f"{chunk['state']}.{chunk['fun']}") for chunk in chunks]


def only_the_identity(tree):
    """Leave out what would change this machine: an operator's component wins over the package's."""
    folder = tree.own / "mip" / "roles"
    folder.mkdir(parents=True)
    (folder / "node.sls").write_text("include: [mip.host, mip.identity]\n")


def named(chunks):
    return {chunk["__id__"]: chunk for chunk in chunks}

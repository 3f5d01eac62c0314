"""What has a log on a node, by the node's role; a shell completes these names, so nothing heavy is imported here."""

from __future__ import annotations

from mip_salt.federation.node_ids import Role

# What a swarm and compose write on their containers (docker, cli/compose/convert; compose, pkg/api).
SWARM, COMPOSE = "com.docker.swarm.service.name", "com.docker.compose.service"
ENGINE = {"docker": {"unit": "docker.service"}}


def _stack(service: str) -> dict[str, str]:
    return {"label": SWARM, "service": service}


def _compose(service: str) -> dict[str, str]:
    return {"label": f"{COMPOSE}={service}", "project": "mipfederation"}


FRONT_END = ("portalbackend", "frontend", "gateway", "galaxy", "portalbackend_db", "create_dbs")
# By role: each component, and how its log is found there (node/logs.py); the first is the one that is meant.
COMPONENTS: dict[Role, dict[str, dict[str, str]]] = {
    Role.MASTER: {
        "exareme": _stack("exareme-master"),
        "keystore": _stack("exareme-keystore"),
        "portainer": _stack("mip-portainer"),
        **ENGINE,
    },
    Role.WORKER: {"exareme": _stack("exareme"), **ENGINE},
    Role.UI: {**{name: _compose(name) for name in FRONT_END}, **ENGINE},
}
NAMES = tuple(dict.fromkeys(name for known in COMPONENTS.values() for name in known))

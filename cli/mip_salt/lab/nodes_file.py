"""The lab's nodes as the file that `configure --from` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mip_salt.lab.node import LabNode


def as_document(nodes: Sequence[LabNode]) -> dict[str, Any]:
    """Return what describes a lab's nodes, passwords and fingerprints in it."""
    return {
        "nodes": {
            node.id: {
                "role": str(node.role),
                "address": node.address,
                "port": node.port,
                "user": node.user,
                "password": node.password,
                "host_key": node.host_key,
                "hostname": node.hostname,
            }
            for node in nodes
        }
    }


def as_yaml(nodes: Sequence[LabNode]) -> str:
    """Return the same as YAML."""
    import yaml

    return yaml.safe_dump(as_document(nodes), sort_keys=False, width=200)

"""What was seen of a node with which all is well."""

from __future__ import annotations

from typing import Any

from mip_salt.federation.seen import Disk, now

GIB = 1024 * 1024
WELL: dict[str, Any] = {
    "at": now(),
    "hostname": "brain-wk1",
    "os": "Debian GNU/Linux 12 (bookworm)",
    "arch": "x86_64",
    "cpus": 2,
    "memory": 1024,
    "python": "3.11.2",
    "sudo": "nopasswd",
    "kernel": "6.1.0",
    "uptime": 10.0,
    "engine": "running",
    "engine_version": "26.1.5+dfsg1",
    "synced": True,
    "skew": 0.01,
    "disks": {path: Disk(size=100 * GIB, free=50 * GIB) for path in ("/", "/var/tmp", "/data/brain")},
}

"""`mip-salt service`: look after what runs on a federation; each command in a file of its own."""

from __future__ import annotations

import click

from mip_salt.commands.lazy import LazyGroup

HERE = "mip_salt.commands.service"
COMMANDS = {
    "status": (f"{HERE}.status", "Show what runs, as the master and each engine tell it."),
    "deploy": (f"{HERE}.deploy", "Make the swarm, let workers join, and start all of it."),
    "start": (f"{HERE}.start", "Start what runs on nodes that have joined."),
    "stop": (f"{HERE}.stop", "Stop what runs; data, swarm and network stay."),
    "restart": (f"{HERE}.restart", "Start anew what runs."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def service() -> None:
    """Look after what runs on a federation: exareme on master and workers, the web front end on the ui, Portainer."""

"""`mip-salt node`: look after one node; each command in a file of its own."""

from __future__ import annotations

import click

from mip_salt.commands.lazy import LazyGroup

HERE = "mip_salt.commands.node"
COMMANDS = {
    "list": (f"{HERE}.list", "List the federation's nodes; ask none anything."),
    "check": (f"{HERE}.check", "Look at one node closely: each thing with its remedy."),
    "trust": (f"{HERE}.trust", "Trust a node again after its host key changed."),
    "disable": (f"{HERE}.switch", "Leave nodes out of every command; drain workers."),
    "enable": (f"{HERE}.switch", "Let every command, and exareme, work on nodes again."),
    "handover": (f"{HERE}.handover", "Print what a machine's administrator needs to give us an account."),
    "rename": (f"{HERE}.rename", "Give a node's machine a meaningful hostname."),
    "remove": (f"{HERE}.remove", "Take a node out of the federation, and forget it."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def node() -> None:
    """Look after nodes: list and check them, leave some out, rename, trust again or remove one."""

"""The option that narrows a command down to some nodes, called alike and completed alike wherever there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mip_salt.commands.names import complete_nodes

F = TypeVar("F", bound=Callable[..., Any])


def nodes_option(only: str = "Only this node") -> Callable[[F], F]:
    """Return the option ``--node``, which may be given again; the command gets a tuple, ``nodes``.

    only
        What it narrows the command down to, for its help.
    """
    return click.option(
        "--node",
        "nodes",
        metavar="NODE",
        multiple=True,
        shell_complete=complete_nodes,
        help=f"{only}: its id, hostname or address.",
    )

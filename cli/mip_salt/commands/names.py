"""What the shell offers where a federation or a node is to be named: read at a glance, and in silence.

A shell completes on every press of a key, so nothing here may ask a node, open the vault, print or fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import click
from click.shell_completion import CompletionItem

from mip_salt.errors import MipError

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder


class Line(Protocol):
    """What the line so far says: the part of a Request that is needed here, and context.py imports this file."""

    @property
    def root_folder(self) -> Path:
        """Return the root under which federations lie."""

    def folder(self) -> Folder:
        """Return the folder of the federation meant, or raise a MipError."""


def complete_federations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the federations under the root."""
    from mip_salt.federation.folder import all_folders

    with suppress(MipError, OSError):
        return _offered((folder.name for folder in all_folders(_line(ctx).root_folder)), incomplete)
    return []


def complete_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of the nodes of the federation that the line so far is about, but those that it names already."""
    from mip_salt.federation.glance import node_ids_of

    with suppress(MipError, OSError):
        return _offered(_without(node_ids_of(_line(ctx).folder()), ctx, param), incomplete)
    return []


def complete_entries(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of the vault's entries: the nodes' ids, and ``federation``."""
    return [*complete_nodes(ctx, param, incomplete), *_offered(["federation"], incomplete)]


def complete_components(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of what runs on nodes."""
    from mip_salt.workflows.logs.components import NAMES

    return _offered(_without(NAMES, ctx, param), incomplete)


def _line(ctx: click.Context) -> Line:
    return cast(Line, ctx.obj)


def _without(names: Iterable[str], ctx: click.Context, param: click.Parameter) -> list[str]:
    given = ctx.params.get(param.name or "")
    return [name for name in names if not isinstance(given, (tuple, list)) or name not in given]


def _offered(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]

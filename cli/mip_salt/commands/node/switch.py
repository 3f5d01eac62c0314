"""`mip-salt node disable` and `enable`: leave nodes out of every command, and let them in again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder
    from mip_salt.federation.model import Federation
    from mip_salt.remote.results import NodeResult


F = TypeVar("F", bound=Callable[..., Any])


def _later(command: F) -> F:
    return click.option(
        "--later",
        is_flag=True,
        help="Only write it down, which needs no passphrase and no node; the next apply does it.",
    )(command)


@click.command()
@click.argument("names", metavar="NODE…", nargs=-1, required=True, shell_complete=complete_nodes)
@_later
@shared_options
@pass_request
def disable(request: Request, names: tuple[str, ...], later: bool) -> int:
    """Leave nodes out of every command until they are enabled again; they stay configured, and show as disabled.

    A worker in a federation that runs is drained at once: it stays in the swarm, and exareme stops on it. What runs on
    a master or ui goes on.

    \b
      mip-salt -f brain node disable wk2
      mip-salt -f brain node disable wk2 --later
    """
    return _switch(request, names, on=False, later=later)


@click.command()
@click.argument("names", metavar="NODE…", nargs=-1, required=True, shell_complete=complete_nodes)
@_later
@shared_options
@pass_request
def enable(request: Request, names: tuple[str, ...], later: bool) -> int:
    """Let every command work on nodes again; on a worker of a federation that runs, exareme is back at once.

    What changed meanwhile comes to it with the next apply.

    \b
      mip-salt -f brain node enable wk2
    """
    return _switch(request, names, on=True, later=later)


def _switch(request: Request, names: tuple[str, ...], *, on: bool, later: bool) -> int:
    from mip_salt.commands.show import document
    from mip_salt.federation.document import load
    from mip_salt.federation.select import select
    from mip_salt.remote.results import Kind, NodeResult, exit_code
    from mip_salt.workflows.in_swarm import workers

    folder, what = request.folder(), "enable" if on else "disable"
    federation = load(folder)
    chosen = select(federation, names)
    at_work = [] if later else workers(folder, federation, chosen)
    changed: dict[str, bool] = {}
    with request.held(folder, f"node {what} {' '.join(chosen)}"):
        results = _done(request, folder, chosen, at_work, changed, on=on)
    told = {result.id: result for result in results}
    for name in chosen:
        _tell(request, name, changed[name], told.get(name), what)
    if later and workers(folder, federation, chosen):
        request.terminal.say(f"Next: mip-salt -f {folder.name} apply")
    if request.json_output:
        rows = [told.get(name) or NodeResult(name, Kind.CHANGED if changed[name] else Kind.OK) for name in chosen]
        rows = [replace(row, kind=Kind.CHANGED) if changed[row.id] and not row.error else row for row in rows]
        request.terminal.document(document(request, load(folder), rows))
    return exit_code(results)


def _done(
    request: Request,
    folder: Folder,
    chosen: Sequence[str],
    at_work: Sequence[str],
    changed: dict[str, bool],
    *,
    on: bool,
) -> list[NodeResult]:
    """Write it down, once the vault is open if it is needed, and do it at the master; return a result a worker."""
    from mip_salt.errors import LoginRefused, UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.generate import refresh
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.in_swarm import let_work
    from mip_salt.workflows.record import switch

    def write() -> Federation:
        changed.update({name: switch(folder, name, on=on) for name in chosen})
        return load(folder)

    if not at_work:
        write()
        return []
    with ExitStack() as opened:
        try:
            opened.enter_context(open_session(folder, request.passphrase(folder)))
        except (LoginRefused, UsageError) as err:
            err.hint += "\nOr only write it down, which needs none: add --later."
            raise
        federation = write()
        refresh(folder, federation)
        return let_work(folder, federation, at_work, work=on)


def _tell(request: Request, name: str, changed: bool, result: NodeResult | None, what: str) -> None:
    from mip_salt.commands.show import show_failure

    state = f"{name} is {what}d" if changed else f"{name} was {what}d already"
    if result is None or result.error:
        request.terminal.success(state)
        if result:
            show_failure(request, result)
    else:
        request.terminal.success(f"{state}; {result.hint}")

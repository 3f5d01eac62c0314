"""`mip-salt apply`: bring the nodes to what the federation says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mip_salt.commands.choosing import nodes_option
from mip_salt.commands.context import Request, jobs_option, pass_request, shared_options

if TYPE_CHECKING:
    from mip_salt.vault.keyring import Vault

F = TypeVar("F", bound=Callable[..., Any])


def chosen_nodes(command: F) -> F:
    """Add the options that say which nodes a run is about, and how much it tells."""
    for option in (
        jobs_option,
        click.option("--diff", is_flag=True, help="Show what changes, line by line; the vault's secrets are masked."),
        click.option(
            "--role",
            "roles",
            multiple=True,
            type=click.Choice(["master", "ui", "worker"]),
            help="Only nodes of this role.",
        ),
        nodes_option(),
    ):
        command = option(command)
    return command


@click.command()
@chosen_nodes
@click.option("--test", is_flag=True, help="Say what would change, and change nothing.")
@shared_options
@pass_request
def apply(request: Request, nodes: tuple[str, ...], roles: tuple[str, ...], test: bool, diff: bool) -> int:
    """Bring the nodes to what the federation says: the highstate, on all of them side by side.

    What is right already stays as it is, so it may be run as often as you like. The exit code is that of the most
    serious node: 3 trust refused, 4 login refused, 6 busy or damaged, 7 a state failed, 5 unreachable.

    \b
      mip-salt -f brain plan
      mip-salt -f brain apply
      mip-salt -f brain apply --role worker --diff
      mip-salt -f brain apply --node wk1 --json
    """
    return run_apply(request, nodes, roles, test=test, diff=diff)


def run_apply(request: Request, nodes: tuple[str, ...], roles: tuple[str, ...], *, test: bool, diff: bool) -> int:
    """Apply, or test, and show it; return the exit code."""
    from mip_salt.commands.progress import ProgressLines
    from mip_salt.commands.show import document
    from mip_salt.commands.show_states import StateReport
    from mip_salt.federation.generate import refresh
    from mip_salt.federation.recall import recall
    from mip_salt.federation.select import select
    from mip_salt.remote.results import exit_code
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.apply import apply as run

    folder = request.folder()
    folder.check_private()
    federation = recall(folder, jobs=request.jobs)
    chosen = select(federation, nodes, roles)
    with request.held(folder, "apply --test" if test else "apply"):
        refresh(folder, federation)
        with open_session(folder, request.passphrase(folder)) as vault, request.terminal.live() as draw:
            secrets = {name: _secrets(vault, name) for name in chosen} if diff else None
            progress = ProgressLines(request.terminal, draw, test=test)
            applied = run(folder, federation, chosen, test=test, on_event=progress)
    results = applied.results
    narrowed = [word for role in roles for word in ("--role", role)]
    narrowed += [word for node in nodes for word in ("--node", node)]
    report = StateReport(request, folder, federation, test=test, secrets=secrets, narrowed=narrowed)
    if request.json_output:
        told = document(request, federation, results, set(chosen) - set(federation.enabled()))
        if diff:
            states = {result.id: report.states(result) for result in results}
            for row in told["nodes"]:
                row["states"] = states.get(row["id"], [])
        request.terminal.document(told)
    else:
        report.show(chosen, results)
        from mip_salt.versions.for_nodes import in_use  # it brings the schema's library: not before the nodes are asked

        report.then(applied.to_come, in_use(folder) is not None)
    return exit_code(results)


def _secrets(vault: Vault, name: str) -> list[str]:
    """Return what must not be shown of a node; of an entry that does not open, nothing reaches the node either."""
    from mip_salt.errors import MipError
    from mip_salt.vault.values import secrets_of

    try:
        return secrets_of(vault.read(name))
    except MipError:
        return []

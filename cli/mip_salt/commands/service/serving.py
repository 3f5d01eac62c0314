"""What the commands that change services share: their options, and how they run and are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mip_salt.commands.choosing import nodes_option
from mip_salt.commands.context import jobs_option

if TYPE_CHECKING:
    from mip_salt.commands.context import Request
    from mip_salt.federation.folder import Folder

F = TypeVar("F", bound=Callable[..., Any])


def service_options(command: F) -> F:
    """Add the options that say which services, on which nodes."""
    for option in (
        jobs_option,
        click.option("--test", is_flag=True, help="Say what would change, and change nothing."),
        click.option("--without-exareme", is_flag=True, help="Leave exareme and the web front end as they are."),
        click.option("--with-secure-portainer", is_flag=True, help="Portainer too, with its domain's certificate."),
        click.option("--with-portainer", is_flag=True, help="Portainer too, over plain HTTP."),
        nodes_option("Only what runs on this node"),
    ):
        command = option(command)
    return command


def serve(
    request: Request,
    verb: str,
    nodes: tuple[str, ...],
    *,
    with_portainer: bool,
    with_secure_portainer: bool,
    without_exareme: bool,
    test: bool,
) -> tuple[int, bool]:
    """Run one of the commands and show it; return the exit code, and whether all of it was done."""
    from mip_salt.commands.progress import ProgressLines
    from mip_salt.commands.show import document
    from mip_salt.commands.show_states import StateReport
    from mip_salt.errors import UsageError
    from mip_salt.federation.generate import refresh
    from mip_salt.federation.recall import recall
    from mip_salt.federation.select import select
    from mip_salt.remote.results import exit_code
    from mip_salt.vault.session import open_session
    from mip_salt.workflows import service

    if with_portainer and with_secure_portainer:
        raise UsageError(
            "--with-portainer and --with-secure-portainer are two kinds of one service", hint="Choose one of them."
        )
    folder = request.folder()
    folder.check_private()
    federation = recall(folder, jobs=request.jobs)
    portainer = "secure" if with_secure_portainer else "plain" if with_portainer else ""
    chosen = tuple(select(federation, nodes)) if nodes else ()
    found = service.plan(folder, federation, service.Wish(verb, chosen, not without_exareme, portainer))
    _refuse_uninstalled(folder)
    flags = [word for node in chosen for word in ("--node", node)]
    given = {"with-portainer": with_portainer, "with-secure-portainer": with_secure_portainer}
    given["without-exareme"] = without_exareme
    flags += [f"--{word}" for word, is_given in given.items() if is_given]
    command = ["service", verb, *flags]
    with request.held(folder, " ".join([*command, *(["--test"] if test else [])])):
        refresh(folder, federation)
        with open_session(folder, request.passphrase(folder)), request.terminal.live() as draw:
            progress = ProgressLines(request.terminal, draw, test=test)
            again = " ".join(["mip-salt", "-f", folder.name, *command])
            applied = service.serve(folder, federation, found, again=again, test=test, on_event=progress)
    results = applied.results
    if request.json_output:
        request.terminal.document(document(request, federation, results, set(found.skipped) - {r.id for r in results}))
    else:
        shown = {*(result.id for result in results), *found.skipped}
        does = f"service {verb}"
        report = StateReport(request, folder, federation, test=test, secrets=None, narrowed=flags, does=does)
        report.show([name for name in federation.ids() if name in shown], results)
        report.then(applied.to_come, installed=True)
    code = exit_code(results)
    return code, not code and not test and not applied.to_come


def _refuse_uninstalled(folder: Folder) -> None:
    from mip_salt.errors import UsageError
    from mip_salt.versions.for_nodes import in_use

    if in_use(folder) is None:
        raise UsageError(
            "no version of MIP is installed, so nothing of it runs",
            hint=f"Choose one: mip-salt -f {folder.name} install",
        )

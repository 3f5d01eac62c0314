"""`mip-salt status`: how every node is, now."""

from __future__ import annotations

import re

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes

WORDS = {"ok": "reachable"}
# "Debian GNU/Linux 12 (bookworm)" is "Debian 12" in a table of 80 columns.
SHORT = re.compile(r" GNU/Linux| \([a-z ]+\)")


@click.command()
@click.option(
    "--node",
    "nodes",
    metavar="NODE",
    multiple=True,
    shell_complete=complete_nodes,
    help="Only this node: its id, hostname or address.",
)
@shared_options
@pass_request
def status(request: Request, nodes: tuple[str, ...]) -> int:
    """Show how every node is: reachable, the confirmed machine, its system, the identity in place.

    Every fact is asked for now; what could not be asked says unknown. The exit code is that of the most serious node:
    3 trust refused, 4 login refused, 5 unreachable.

    \b
      mip-salt -f brain status
      mip-salt -f brain status --node wk1 --json
    """
    from mip_salt.commands.show import document, show_failure
    from mip_salt.federation.document import load
    from mip_salt.federation.generate import refresh
    from mip_salt.federation.select import select
    from mip_salt.remote.results import NodeResult, exit_code
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.status import status as ask

    folder = request.folder()
    folder.check_private()
    federation = load(folder)
    chosen = select(federation, nodes)
    terminal = request.terminal
    with request.held(folder, "status"):
        refresh(folder, federation)
        with open_session(folder, request.passphrase(folder)):
            results = ask(
                folder,
                federation,
                [name for name in chosen if federation.nodes[name].enabled],
                lambda _: None,
            )
    off = [name for name in chosen if not federation.nodes[name].enabled]
    if request.json_output:
        terminal.document(document(request, federation, results, off))
        return exit_code(results)

    def row(result: NodeResult) -> tuple[str, ...]:
        facts = result.facts
        shown = WORDS.get(str(result.kind), str(result.kind))
        return (
            result.id,
            facts["role"],
            facts["hostname"],
            SHORT.sub("", facts.get("os", "unknown")),
            facts["machine"],
            facts["identity"],
            shown,
        )

    rows = [row(result) for result in results]
    rows += [
        (
            name,
            str(federation.nodes[name].role),
            federation.nodes[name].hostname or "",
            *["not asked"] * 3,
            "disabled",
        )
        for name in off
    ]
    terminal.table(("NODE", "ROLE", "HOSTNAME", "OS", "MACHINE", "IDENTITY", "RESULT"), rows, kind_column=6)
    for result in results:
        if result.error:
            show_failure(request, result)
    return exit_code(results)

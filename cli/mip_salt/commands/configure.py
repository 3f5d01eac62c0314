"""`mip-salt configure`: the wizard, and its declarative twin."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes
from mip_salt.errors import UsageError


@click.command()
@click.argument("what", type=click.Choice(["all"]), default="all", required=False)
@click.option(
    "--from",
    "source",
    metavar="FILE|-",
    help="Take the nodes from a YAML file, or from stdin, instead of asking.",
)
@click.option("--node", metavar="ID", shell_complete=complete_nodes, help="Go straight to one node: ms, ui, wk1, …")
@shared_options
@pass_request
def configure(request: Request, what: str, source: str | None, node: str | None) -> int:
    """Ask for nodes, confirm them, and make them a federation.

    Asks for the vault's passphrase, then for master, ui and workers: address, administration user, and password, once
    you have confirmed the host keys. Installs the federation's identity, shows each machine's real hostname, and asks
    you to confirm it. Run it again to keep, change, remove or add nodes.

    With --from all nodes are done side by side, without questions; what the file leaves out is asked for if you are at
    a terminal. A password may stand in MIP_SALT_PASSWORD_<ID>, the vault's passphrase in MIP_SALT_VAULT_PASSPHRASE.

    \b
      mip-salt -f brain configure
      mip-salt -f brain configure --from nodes.yaml --no-input
    """
    if source is None and not request.terminal.interactive:
        raise UsageError(
            "the wizard needs a terminal", hint="Describe the nodes in a file: mip-salt configure --from FILE"
        )
    from mip_salt.federation.nodes_file import parse_nodes_file

    file = parse_nodes_file(_read(source), source if source != "-" else "stdin") if source else None
    if file and file.federation and request.federation is None:
        request.federation = file.federation
    folder = request.folder(must_exist=False)
    if file and file.federation not in (None, folder.name):
        raise UsageError(
            f"{source} is of federation {file.federation!r}, not {folder.name!r}",
            hint="Leave out -f, or correct the file's federation.",
        )

    from mip_salt.commands.configuring import configure_with
    from mip_salt.federation.node_ids import NODE_ID
    from mip_salt.questions.file import FileQuestions
    from mip_salt.questions.wizard import Wizard

    if node and (not NODE_ID.match(node) or (file and node not in file.nodes)):
        raise UsageError(f"there is no node {node!r} to configure", hint="An id is ms, ui, wk1, wk2, …")
    if file:
        questions = FileQuestions(folder.name, file, request.terminal, node)
        return configure_with(request, folder, questions, what="configure", terse=True)
    # The wizard says itself why a node failed, before it asks how to go on.
    wizard = Wizard(folder.name, request.terminal, node)
    return configure_with(request, folder, wizard, what="configure", terse=False, told=lambda name: True)


def _read(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(
            f"{source} cannot be read: {getattr(err, 'strerror', None) or 'not UTF-8'}",
            hint="Give a YAML file, or - for stdin.",
        ) from err

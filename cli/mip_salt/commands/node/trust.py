"""`mip-salt node trust`: accept a node's new host key."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_nodes


@click.command()
@click.argument("name", metavar="NODE", shell_complete=complete_nodes)
@click.option(
    "--host-key",
    "host_key",
    required=True,
    metavar="SHA256:…",
    help="The new fingerprint, from the node's own console.",
)
@shared_options
@pass_request
def trust(request: Request, name: str, host_key: str) -> int:
    """Trust NODE again after its host key changed, because it was reinstalled or its keys were renewed.

    Read the fingerprint on the node's own console, or have its administrator read it to you; only a key with that
    fingerprint is accepted. If the machine is new, the identity is installed again (this needs the password), and its
    hostname is confirmed as `configure` does.

    \b
      ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub      (on the node)
      mip-salt -f brain node trust wk1 --host-key SHA256:…
    """
    from mip_salt.commands.show import document, show_failure
    from mip_salt.errors import UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.fingerprint import valid_fingerprint
    from mip_salt.federation.select import select
    from mip_salt.questions.again import TrustAgain
    from mip_salt.remote.results import exit_code
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.configure import Done, configure
    from mip_salt.workflows.seat import Seat

    folder = request.folder()
    try:
        fingerprint = valid_fingerprint(host_key)
    except ValueError as err:
        raise UsageError(f"--host-key: {err}") from None
    (chosen,) = select(load(folder), (name,))
    terminal = request.terminal

    def finished(done: Done) -> None:
        if done.result.error:
            show_failure(request, done.result)
        else:
            terminal.success(f"{chosen} is {done.result.facts['hostname']}, pinned to {fingerprint}")

    with (
        request.held(folder, f"node trust {chosen}"),
        open_session(folder, request.passphrase(folder)) as vault,
    ):
        questions = TrustAgain(folder.name, terminal, chosen, fingerprint)
        seat = Seat(folder, vault, questions, lambda node, text: terminal.say(f"  {node}: {text} …", "dim"))
        results = configure(seat, finished)
    if request.json_output:
        terminal.document(document(request, load(folder), results))
    return exit_code(results)

"""`mip-salt node`: look after one node."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options


@click.group()
def node() -> None:
    """Look after nodes: list, disable and enable them, trust one again, remove one."""


@node.command(name="list")
@shared_options
@pass_request
def list_(request: Request) -> None:
    """List the federation's nodes as pillar/federation.sls tells them; asks no node anything.

    \b
      mip-salt -f brain node list
    """
    from mip_salt.federation.address import join_address
    from mip_salt.federation.document import load

    folder = request.folder()
    federation = load(folder)
    nodes = [(name, federation.nodes[name]) for name in federation.ids()]
    if request.json_output:
        rows = [{"id": name, **n.model_dump(mode="json")} for name, n in nodes]
        request.terminal.document({"federation": folder.name, "command": request.command, "nodes": rows})
        return
    request.terminal.table(
        ("NODE", "ROLE", "HOSTNAME", "ADDRESS", "USER", "SITE", ""),
        [
            (
                name,
                str(n.role),
                n.hostname or "",
                join_address(n.address, n.port),
                n.user,
                n.site or "",
                "" if n.enabled else "disabled",
            )
            for name, n in nodes
        ],
    )


@node.command()
@click.argument("name", metavar="NODE")
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


@node.command()
@click.argument("names", metavar="NODE…", nargs=-1, required=True)
@shared_options
@pass_request
def disable(request: Request, names: tuple[str, ...]) -> None:
    """Leave nodes out of every command until they are enabled again; they stay configured, and show as disabled.

    \b
      mip-salt -f brain node disable wk2
    """
    _switch(request, names, on=False)


@node.command()
@click.argument("names", metavar="NODE…", nargs=-1, required=True)
@shared_options
@pass_request
def enable(request: Request, names: tuple[str, ...]) -> None:
    """Let every command work on nodes again.

    \b
      mip-salt -f brain node enable wk2
    """
    _switch(request, names, on=True)


def _switch(request: Request, names: tuple[str, ...], *, on: bool) -> None:
    from mip_salt.federation.document import load
    from mip_salt.federation.select import select
    from mip_salt.workflows.record import switch

    folder, what = request.folder(), "enable" if on else "disable"
    for name in select(load(folder), names):
        with request.held(folder, f"node {what} {name}"):
            changed = switch(folder, name, on=on)
        request.terminal.success(f"{name} is {what}d" if changed else f"{name} was {what}d already")


@node.command()
@click.argument("name", metavar="NODE")
@shared_options
@pass_request
def remove(request: Request, name: str) -> int:
    """Remove NODE: take the identity and the sudo rule off the machine if it answers, then forget it and its secrets.

    A machine that does not answer is forgotten all the same; what stays on it is told.

    \b
      mip-salt -f brain node remove wk2
    """
    import asyncio

    from mip_salt.commands.show import document
    from mip_salt.errors import UsageError
    from mip_salt.federation.document import load
    from mip_salt.federation.select import select
    from mip_salt.questions.wizard import Wizard
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.remove import remove_node
    from mip_salt.workflows.seat import Seat

    folder, terminal = request.folder(), request.terminal
    federation = load(folder)
    (chosen,) = select(federation, (name,))
    hostname = federation.nodes[chosen].hostname
    if not terminal.confirm(f"Remove {chosen} ({hostname}) and its secrets from {folder.name}?"):
        raise UsageError(f"{chosen} is kept")
    with request.held(folder, f"node remove {chosen}"), open_session(folder, request.passphrase(folder)) as vault:
        seat = Seat(folder, vault, Wizard(folder.name, terminal), lambda n, text: terminal.say(f"  {n}: {text} …"))
        result = asyncio.run(remove_node(seat, chosen))
    terminal.success(f"{chosen} is removed")
    if result.hint:
        terminal.warning(result.hint)
    if request.json_output:
        terminal.document(document(request, federation, [result]))
    return 0

"""`mip-salt import`: a federation of mip-deployment's `mip` script becomes one of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.errors import UsageError

if TYPE_CHECKING:
    from mip_salt.incumbent.nodes import Found
    from mip_salt.incumbent.read import Incumbent
    from mip_salt.remote.results import NodeResult
    from mip_salt.workflows.incumbent import Plan


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--node", "wanted", metavar="ID", multiple=True, help="Import only this node; may be given again.")
@click.option(
    "--host-key",
    "host_keys",
    metavar="ID=KEY",
    multiple=True,
    help="A node's host key as its console says it: wk1=SHA256:…; may be given again.",
)
@click.option("--plan", "plan_only", is_flag=True, help="Show what would be imported, and stop.")
@click.option(
    "--nodes-file",
    "as_file",
    is_flag=True,
    help="Print a nodes file for configure --from, without passwords, and stop.",
)
@shared_options
@pass_request
def import_(
    request: Request,
    path: Path,
    wanted: tuple[str, ...],
    host_keys: tuple[str, ...],
    plan_only: bool,
    as_file: bool,
) -> int:
    """Import a federation that mip-deployment's `mip` script made.

    PATH is its folder (/opt/FEDERATION, or the exareme in it) or its backup (/var/backups/mip_pusher_….tar.gz). It is
    only read. First comes a plan: which nodes, what else is kept, what is not and why. Once you confirm it, every node
    is made ours as configure does it: host keys are confirmed, which the incumbent never did; then the identity is
    installed with the password that the incumbent kept. Run it again to go on where it stopped.

    The passphrase of its vault may stand in MIP_SALT_ANSIBLE_VAULT_PASSWORD, a node's password in
    MIP_SALT_PASSWORD_<ID>. --yes confirms the plan.

    \b
      mip-salt -f brain --root /srv/mip import /opt/brain
      mip-salt -f brain import /var/backups/mip_pusher_-_host_-_20230601.tar.gz --plan
    """
    from mip_salt.commands.show_import import as_document, show_plan
    from mip_salt.federation.document import load
    from mip_salt.incumbent.read import read, source_of
    from mip_salt.questions.file import password_given
    from mip_salt.questions.incumbent import VaultQuestion
    from mip_salt.workflows.incumbent import Plan, chosen, refuse_shared_folder

    question = VaultQuestion(request.terminal)
    keys = _fingerprints(host_keys)
    source = source_of(path)
    incumbent = read(source, None)
    _name(request, incumbent)
    nodes = chosen(incumbent, wanted)
    chosen(incumbent, keys)
    folder = request.folder(must_exist=False)
    if as_file:
        return _print_nodes_file(request, incumbent, nodes, keys)
    refuse_shared_folder(folder, source.place)
    here = load(folder).nodes if folder.exists() else {}
    if any(node.id not in here for node in nodes):
        incumbent = read(source, question)
        nodes = chosen(incumbent, wanted)
    plan = Plan(folder, incumbent, nodes, here, {node.id for node in nodes if password_given(node.id)})
    if not request.json_output:
        show_plan(request.terminal, plan)
    elif plan_only or not plan.fresh:
        request.terminal.document(as_document(request, plan))
    return 0 if plan_only or not plan.fresh else _carry_out(request, plan, keys)


def _print_nodes_file(request: Request, incumbent: Incumbent, nodes: Sequence[Found], keys: Mapping[str, str]) -> int:
    from mip_salt.workflows.incumbent import as_text, nodes_file

    file = nodes_file(request.folder(must_exist=False).name, nodes, keys)
    request.terminal.raw(as_text(file, incumbent, [node.id for node in nodes if not node.enabled]))
    for flaw in incumbent.flaws:
        request.terminal.warning(str(flaw))
    return 0


def _carry_out(request: Request, plan: Plan, keys: Mapping[str, str]) -> int:
    """Have the plan confirmed, and make its nodes ours."""
    from mip_salt.commands.configuring import configure_with
    from mip_salt.questions.incumbent import ImportQuestions
    from mip_salt.workflows.incumbent import disable, keep, nodes_file

    terminal, folder = request.terminal, plan.folder
    if not terminal.interactive and not terminal.assume_yes:
        raise UsageError("the plan is not confirmed, and nobody is there to ask: nothing is written", hint="Add --yes.")
    names = ", ".join(node.id for node in plan.fresh)
    if not terminal.confirm(f"Make {names} nodes of the federation {folder.name}, in {folder.path}?"):
        raise UsageError("nothing is imported", hint="Leave nodes out by naming the others: --node ID.")
    questions = ImportQuestions(folder.name, nodes_file(folder.name, plan.fresh, keys), terminal)

    def done(results: Sequence[NodeResult]) -> None:
        for name in disable(folder, plan.fresh, results):
            terminal.say(f"{name} is disabled, as it was. To enable it: mip-salt -f {folder.name} node enable {name}")

    return configure_with(
        request,
        folder,
        questions,
        what="import",
        terse=not terminal.interactive,
        told=questions.told,
        begun=lambda: keep(folder, plan.incumbent.kept),
        done=done,
    )


def _name(request: Request, incumbent: Incumbent) -> None:
    """Take the federation's name from the incumbent's, unless one is given."""
    if request.federation is None and not os.environ.get("MIP_SALT_FEDERATION"):
        from mip_salt.federation.folder import NAME
        from mip_salt.printable import printable

        name = incumbent.source.federation
        if not NAME.match(name):
            raise UsageError(
                f"the incumbent's name of the federation, {printable(name, 60)!r}, is none of ours"
                if name
                else "the path does not tell the federation's name",
                hint="Give it one: -f NAME, 1 to 32 of a-z, 0-9 and -.",
            )
        request.federation = name


def _fingerprints(given: Sequence[str]) -> dict[str, str]:
    """Return id → fingerprint of ``ID=KEY`` texts."""
    from mip_salt.federation.fingerprint import valid_fingerprint

    keys: dict[str, str] = {}
    for text in given:
        name, _, key = text.partition("=")
        try:
            keys[name] = valid_fingerprint(key)
        except ValueError as err:
            raise UsageError(f"--host-key: {err}", hint="For example: --host-key wk1=SHA256:…") from None
    return keys

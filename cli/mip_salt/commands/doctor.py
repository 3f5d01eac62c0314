"""`mip-salt doctor`: look at this machine, and at a federation's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mip_salt.commands.context import Request, pass_request, shared_options

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder


@click.command()
@click.option("--fix", is_flag=True, help="As root: link mip-salt and salt-ssh into /usr/local/bin, for every user.")
@shared_options
@pass_request
def doctor(request: Request, fix: bool) -> int:
    """Look at this machine and say what is well, what is not, and what to do: exit 6 if something fails, else 0.

    With -f, or where only one federation is meant, its files too: permissions, vault, host keys, the newest backup. The
    vault stays locked and no node is asked (that is node check). Each check has its own deadline, so a doctor who hangs
    is none.

    \b
      mip-salt doctor
      mip-salt -f brain doctor
      mip-salt -f brain doctor --json
    """
    from mip_salt.commands.findings_view import SIGNS, as_rows
    from mip_salt.workflows.doctor.checks import checks
    from mip_salt.workflows.doctor.examine import examine
    from mip_salt.workflows.findings import Level
    from mip_salt.workflows.this_machine import link_commands

    terminal = request.terminal
    if fix:
        for made in link_commands():
            terminal.success(f"{made} is there for every user")
    folder = _folder(request)  # from here on root is that federation's owner
    found = []
    for each in examine(checks(request.root_folder, folder)):
        found.append(each)
        if not request.json_output and (terminal.verbosity >= 0 or each.level is not Level.OK):
            sign, style = SIGNS[each.level]
            terminal.report(f"{sign} {each.what:12} {each.said}", each.remedy, style)
    if request.json_output:
        told = {"federation": folder.name if folder else None, "command": request.command, "findings": as_rows(found)}
        terminal.document(told)
    return 6 if any(each.level is Level.FAIL for each in found) else 0


def _folder(request: Request) -> Folder | None:
    """Return the federation that is meant, if one is: a machine is looked at before it has any, too."""
    import os

    from mip_salt.errors import UsageError

    try:
        return request.folder()
    except UsageError:
        if request.federation or os.environ.get("MIP_SALT_FEDERATION"):
            raise
        return None

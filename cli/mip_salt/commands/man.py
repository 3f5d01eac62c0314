"""`mip-salt man`: the manual page, made of what --help says."""

from __future__ import annotations

import shutil
import subprocess
import sys

import click

from mip_salt import __version__
from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.roff import Rows, page
from mip_salt.errors import Damaged, MipError

ENVIRONMENT = {
    "MIP_SALT_FEDERATION": "The federation, where -f is left out.",
    "MIP_SALT_ROOT": "Where federations lie, where --root is left out; else /opt.",
    "MIP_SALT_VAULT_PASSPHRASE": "The vault's passphrase, for runs without a terminal.",
    "MIP_SALT_VAULT_NEW_PASSPHRASE": "The new one, for `vault passwd`.",
    "MIP_SALT_PASSWORD_<ID>": "The password of a node's user for `configure`, such as MIP_SALT_PASSWORD_WK1.",
    "MIP_SALT_ANSIBLE_VAULT_PASSWORD": "The passphrase of the incumbent's vault, for `import`.",
    "MIP_SALT_LAB": "Where the lab lies; else /var/lib/mip-salt-lab.",
    "MIP_SALT_LAB_BASE": "Where the lab keeps its base images; else base in its own folder.",
    "MIP_SALT_WHEELHOUSE": "A folder that has the libraries for nodes, where there is no network.",
    "NO_COLOR": "Set to anything: print without colours.",
}
FILES = {
    "/opt/<federation>/pillar/federation.sls": "The one file that tells the federation: its nodes and its settings.",
    "/opt/<federation>/pillar/nodes/<id>.sls": "The vault: one signed and encrypted entry for each node.",
    "/opt/<federation>/pillar/own, states": "Pillar and states of your own; they win over those of the package.",
    "/opt/<federation>/known_hosts": "The confirmed host keys, by node id.",
    "/opt/<federation>/log/journal": "Who did what and when.",
    "/opt/<federation>/Saltfile, master, roster": "Generated, for raw salt-ssh in this folder.",
}
DEFECT = "A defect of mip-salt."


@click.command()
@shared_options
@pass_request
def man(request: Request) -> None:
    """Show the manual page: every command and every option.

    On a terminal `man` shows it; elsewhere it is printed, for installing it:

    \b
      mip-salt man > /usr/local/share/man/man1/mip-salt.1
    """
    root = click.get_current_context().find_root().command
    if not isinstance(root, click.Group):
        raise TypeError("the front door is a group of commands")
    text = page(root, "mip-salt", __version__, sections())
    if not sys.stdout.isatty():
        request.terminal.raw(text.rstrip("\n"))
        return
    viewer = shutil.which("man")
    if not viewer:
        raise Damaged("man is not installed here", hint="apt-get install man-db, or read it as: mip-salt man | less")
    subprocess.run([viewer, "-l", "-"], input=text, text=True, check=False)


def sections() -> list[tuple[str, Rows]]:
    """Return what the page tells beside the commands: environment, files, exit codes."""
    return [("ENVIRONMENT", ENVIRONMENT.items()), ("FILES", FILES.items()), ("EXIT STATUS", exit_codes())]


def exit_codes() -> list[tuple[str, str]]:
    """Return every exit code and what it means, as the errors themselves tell it."""
    meanings = {0: "Done.", MipError.exit_code: DEFECT}
    for error in MipError.__subclasses__():
        told = (error.__doc__ or "").strip()
        meanings[error.exit_code] = " ".join(filter(None, (meanings.get(error.exit_code), told)))
    return [(str(code), meanings[code]) for code in sorted(meanings)]

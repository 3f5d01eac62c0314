"""`mip-salt completion`: let the shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@shared_options
@pass_request
def completion(request: Request, shell: str) -> None:
    """Print what makes SHELL complete mip-salt's commands and options, and the names of federations and nodes.

    \b
      mip-salt completion bash > /etc/bash_completion.d/mip-salt
      mip-salt completion zsh > "${fpath[1]}/_mip-salt"
      mip-salt completion fish > ~/.config/fish/completions/mip-salt.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"click cannot complete for {shell}", hint="Update click: pip install --upgrade click")
    root = click.get_current_context().find_root().command
    request.terminal.raw(kind(root, {}, "mip-salt", "_MIP_SALT_COMPLETE").source())

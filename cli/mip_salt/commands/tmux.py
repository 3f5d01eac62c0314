"""`mip-salt tmux`: the federation's windows."""

from __future__ import annotations

import click

from mip_salt.commands.context import Request, pass_request, shared_options


@click.command()
@click.option("--force", is_flag=True, help="End the windows that are open, with all in them, and begin anew.")
@shared_options
@pass_request
def tmux(request: Request, force: bool) -> int:
    """Open a window on each node, and one of all logs, in tmux; windows that are open are shown again.

    0 is a shell in the federation's folder, 1 follows the log of each enabled node, in panes that are typed in at once,
    2 tells the keys, and from 3 on there is a shell on each node: on the ui in its compose folder, elsewhere in the
    federation's data. The prefix is C-j. Unlock the vault first. Off a terminal the windows are opened, not shown.

    \b
      mip-salt -f brain vault unlock
      mip-salt -f brain tmux
      mip-salt -f brain tmux --force
    """
    import sys
    from pathlib import Path

    from mip_salt.errors import UsageError
    from mip_salt.federation.journal import noted
    from mip_salt.federation.recall import recall
    from mip_salt.questions.passphrase import NEW_VARIABLE, VARIABLE
    from mip_salt.workflows.tmux import Windows

    folder = request.folder()
    folder.check_private()
    federation = recall(folder)
    beside = Path(sys.executable).with_name("mip-salt")
    program = [str(beside)] if beside.is_file() else [sys.executable, "-m", "mip_salt"]
    windows = Windows(folder, program, (VARIABLE, NEW_VARIABLE))
    if windows.within:
        raise UsageError(
            "this is one of the windows", hint="Leave them first, by C-j d: they go on, and --force begins them anew."
        )
    if force or not windows.are_open():
        with noted(folder, "tmux"):
            windows.open(federation)
        request.terminal.success(f"The windows of {folder.name} are open.")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        request.terminal.say(f"Show them: mip-salt -f {folder.name} tmux")
        return 0
    return windows.attach()

"""The `mip-salt` command; what it can do loads when it is called for."""

from __future__ import annotations

import sys
import traceback
from keyword import iskeyword

import click

from mip_salt import __version__
from mip_salt.commands.context import Request, root_options
from mip_salt.commands.lazy import LazyGroup
from mip_salt.errors import Interrupted, MipError
from mip_salt.interrupts import heed
from mip_salt.readers import ended, watch

# Name → what it does, in one line; commands/NAME.py holds the click command NAME.
COMMANDS = {
    "install": "Install, upgrade or take back the versions of MIP and exareme.",
    "version": "Show which versions are installed, and which there are.",
    "configure": "Ask for nodes, confirm them, and make them a federation.",
    "import": "Import a federation that mip-deployment's mip script made.",
    "apply": "Bring the nodes to what the federation says.",
    "plan": "Say what apply would change.",
    "service": "Look after what runs: status, deploy, start, stop, restart.",
    "status": "Show how every node is.",
    "logs": "Show what runs on the nodes says, all of them side by side.",
    "check": "Try whether the nodes reach each other as the federation needs it.",
    "node": "Look after nodes: check, list, disable, rename, trust again, remove.",
    "ssh": "Open a shell on a node, or run a command there.",
    "tmux": "Open a window on each node, and one of all logs, in tmux.",
    "vault": "Open, close, read and change the vault.",
    "doctor": "Look at this machine and the federation's files, with a remedy for each fault.",
    "backup": "Keep the federation in one private file.",
    "restore": "Bring a federation back from its backup.",
    "uninstall": "Remove the federation from this machine, after a backup.",
    "federation": "List the federations of this machine.",
    "lab": "Boot a throwaway federation on this machine, to rehearse on.",
    "schema": "Print the JSON Schema of a file that mip-salt reads.",
    "completion": "Let the shell complete commands, options and names.",
    "man": "Show the manual page.",
}


# A name that Python keeps ends in _ there.
TABLE = {
    name: (f"mip_salt.commands.{name}_" if iskeyword(name) else f"mip_salt.commands.{name}", text)
    for name, text in COMMANDS.items()
}


@click.group(
    cls=LazyGroup,
    table=TABLE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@root_options
@click.version_option(__version__, "--version", prog_name="mip-salt")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Set up and run federations of the Medical Informatics Platform, from this machine, over SSH.

    A federation is a master (ms), a web front end (ui) and one worker in each hospital (wk1, wk2, …).

    \b
    Begin one:        mip-salt -f NAME install, then configure
    Bring it up:      mip-salt -f NAME apply
    Look at it:       mip-salt -f NAME status
    Rehearse first:   mip-salt lab up
    """
    ctx.ensure_object(Request)


def main() -> None:
    """Run the command line and exit with the code that says how it went."""
    heed()
    watch()
    request = Request()
    sys.exit(ended(run(request)))


def run(request: Request) -> int:
    """Run one command line; return its exit code.

    request
        Filled in by the options on the way.
    """
    try:
        code = cli.main(args=request.words, prog_name="mip-salt", standalone_mode=False, obj=request)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as err:
        err.show()
        return 2 if err.exit_code == 1 else err.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        return _report(
            request,
            Interrupted("stopped; what was confirmed before is kept", hint="Run the same command again to go on."),
        )
    except MipError as err:
        return _report(request, err)
    except Exception as err:  # noqa: BLE001 - the last line of defence: never a traceback unasked, never exit 0
        where = traceback.extract_tb(err.__traceback__)[-1]
        defect = MipError(
            f"a defect of mip-salt: {type(err).__name__} at {where.name}, line {where.lineno}",
            hint="Run it again with -v and send the trace to whoever maintains mip-salt.",
        )
        if request.verbosity > 0:
            traceback.print_exc()
        return _report(request, defect)


def _report(request: Request, error: MipError) -> int:
    request.terminal.error(error)
    if request.json_output:
        request.terminal.document(
            {"federation": request.federation, "command": request.command, "nodes": [], "error": str(error)}
        )
    return error.exit_code

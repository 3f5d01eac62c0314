"""A group of commands that are imported when they run, so that --help answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

EPILOG = "Options of every command (-f, --root, --json, …): mip-salt --help"


class LazyGroup(click.Group):
    """A group told by a table: a command's name → the module that holds it, and what it does in one line.

    The command in its module is called as its function; a name that Python or click keeps ends in ``_``.
    """

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return its command."""
        if cmd_name not in self.table:
            return None
        module = import_module(self.table[cmd_name][0])
        command: click.Command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        for each in (command, *getattr(command, "commands", {}).values()):
            each.epilog = EPILOG
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands of the table, whole lines and all, without importing them; and the options."""
        found = [
            CompletionItem(name, help=told) for name, (_, told) in self.table.items() if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and suggest one for a misspelling."""
        if args and args[0] not in self.table and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.table, 1)
            ctx.fail(f"there is no command {args[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])

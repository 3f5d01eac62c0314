"""All that the operator sees: data on stdout, everything else on stderr, and nobody else prints."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from mip_salt.errors import MipError, UsageError
from mip_salt.keyboard import read_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STYLES = {
    "ok": "green",
    "changed": "cyan",
    "failed": "bold red",
    "refused": "bold red",
    "damaged": "bold red",
    "login": "red",
    "busy": "yellow",
    "unreachable": "yellow",
    "interrupted": "yellow",
    "disabled": "dim",
}


# A text, or a text and its style.
Cell = str | tuple[str, str]


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text  # rich takes as long to import as a node to answer: only who draws needs it

    return Text(text, style=style)


def _grid(columns: Sequence[str], rows: Iterable[Sequence[Cell]], kind_column: int | None) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        kind = row[kind_column] if kind_column is not None else ""
        style = STYLES.get(kind, "") if isinstance(kind, str) else ""
        table.add_row(
            *(
                _text(*cell) if isinstance(cell, tuple) else _text(cell, style=style if i == kind_column else "")
                for i, cell in enumerate(row)
            )
        )
    return table


def _console(*, stderr: bool = False) -> Console:
    """Return a console; markup and highlighting are off: node text must never be read as instructions to it."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _wrap(console: Console, text: str, style: str, indent: int) -> None:
    """Print lines; on a terminal they break between words, and what follows a break is indented."""
    for line in text.split("\n"):
        own = len(line) - len(line.lstrip())
        width = max(console.width - max(own, indent), 20)
        parts = textwrap.wrap(line.strip(), width, break_long_words=False, break_on_hyphens=False)
        if not console.is_terminal or len(parts) < 2:
            console.print(_text(line, style=style))
            continue
        first, *rest = parts
        for part in (" " * own + first, *(" " * max(own, indent) + part for part in rest)):
            console.print(_text(part, style=style))


class Terminal:
    """The operator's terminal, or the pipe or file that stands for it.

    json
        Print one JSON document instead of tables.
    verbosity
        -1 says only what went wrong, 0 the usual, 1 explains.
    interactive
        Whether questions may be asked.
    root
        The ``--root`` that was given: each command that we tell the operator to run then has it too.
    """

    def __init__(
        self,
        *,
        json_output: bool = False,
        verbosity: int = 0,
        interactive: bool = True,
        assume_yes: bool = False,
        root: str = "",
    ) -> None:
        self._seat = f"mip-salt --root {shlex.quote(root)} -f " if root else ""
        self.json_output = json_output
        self.verbosity = verbosity
        self.assume_yes = assume_yes
        self.interactive = interactive and sys.stdin.isatty()

    @cached_property
    def out(self) -> Console:
        """Return where data go."""
        return _console()

    @cached_property
    def err(self) -> Console:
        """Return where everything else goes."""
        return _console(stderr=True)

    def say(self, text: str = "", style: str = "") -> None:
        """Say something on the way, unless quiet."""
        if self.verbosity >= 0:
            self._print(text, style)

    def _print(self, text: str, style: str = "", indent: int = 0) -> None:
        """Print lines; on a terminal they break between words, and what follows a break is indented.

        Elsewhere a line stays one line, for whoever greps a log.
        """
        _wrap(self.err, self._as_run(text), style, indent)

    def _as_run(self, text: str) -> str:
        return text.replace("mip-salt -f ", self._seat) if self._seat else text

    def title(self, text: str) -> None:
        """Begin a part."""
        self.say()
        self.say(text, "bold")

    def detail(self, text: str) -> None:
        """Explain, if asked to by ``-v``."""
        if self.verbosity > 0:
            self._print(text, "dim")

    def success(self, text: str) -> None:
        """Say that something is done."""
        self.say(f"✔ {text}", "green")

    def warning(self, text: str) -> None:
        """Say what the operator should look at; never silenced."""
        self._print(f"! {text}", "yellow", indent=2)

    def error(self, error: MipError) -> None:
        """Say what went wrong, where, why, what to do and what reproduces it; never silenced."""
        self._print(f"✘ {error}", "bold red", indent=2)
        if error.hint:
            self._print("  " + error.hint.replace("\n", "\n  "), indent=2)
        if error.command:
            self.command(error.command)

    def command(self, command: str) -> None:
        """Show the command that does it again, on one line, to be copied."""
        self.err.print(_text(f"  Again: {command}"))

    def data(self, text: str) -> None:
        """Print what the command was asked for."""
        self.out.print(_text(text))

    def report(self, text: str, remedy: str, style: str) -> None:
        """Print one thing that was looked at, and under it what to do about it."""
        _wrap(self.out, text, style, indent=2)
        for number, line in enumerate(filter(None, self._as_run(remedy).split("\n"))):
            _wrap(self.out, f"    {line}" if number else f"  → {line}", "", indent=4)

    def raw(self, text: str) -> None:
        """Print one value exactly as it is, and a newline; rich would expand tabs and drop control characters."""
        click.echo(text)

    def log(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Print lines behind where they come from, which is coloured on a terminal: prefix, its colour, inert text."""
        lines = "".join(f"{click.style(prefix, fg=colour)} {text}\n" for prefix, colour, text in rows)
        if lines:
            click.echo(lines, nl=False, color=False if self.out.no_color else None)

    def document(self, document: Any) -> None:
        """Print one JSON document."""
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, kind_column: int | None = None) -> None:
        """Print a table; a column of kinds is coloured by them, and a cell may bring a style of its own."""
        self.out.print(_grid(columns, rows, kind_column), soft_wrap=False)

    @contextmanager
    def screen(self) -> Iterator[Callable[[Sequence[str], Iterable[Sequence[Cell]], Iterable[str]], None] | None]:
        """Give what draws a table and lines under it anew each time, where data go; None if that is no terminal.

        All of it is gone at the end.
        """
        shows = not self.json_output and self.verbosity >= 0
        if shows:
            import rich.table  # noqa: F401 - what is shown at the end needs it: now there is time
        if not shows or not self.out.is_terminal or self.out.is_dumb_terminal:
            yield None
            return
        from rich.console import Group
        from rich.live import Live

        with Live(console=self.out, auto_refresh=False, transient=True, vertical_overflow="ellipsis") as drawn:

            def show(columns: Sequence[str], rows: Iterable[Sequence[Cell]], lines: Iterable[str]) -> None:
                drawn.update(Group(_grid(columns, rows, None), *map(_text, lines)), refresh=True)

            yield show

    @contextmanager
    def live(self) -> Iterator[Callable[[Sequence[Sequence[str]]], None] | None]:
        """Give what shows rows that are drawn anew each time, on stderr; None where there is no terminal to draw on.

        A row's second cell is its kind, which colours it. The rows are gone at the end: a table follows them. Nothing
        is drawn by a thread of its own: work goes on in forks, and a fork with threads may find a lock held.
        """
        if self.json_output or self.verbosity < 0 or not self.err.is_terminal or self.err.is_dumb_terminal:
            yield None
            return
        from rich.live import Live
        from rich.table import Table

        with Live(console=self.err, auto_refresh=False, transient=True, vertical_overflow="ellipsis") as drawn:

            def show(rows: Sequence[Sequence[str]]) -> None:
                grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
                for row in rows:
                    grid.add_row(
                        *(_text(cell, style=STYLES.get(row[1], "") if i == 1 else "") for i, cell in enumerate(row))
                    )
                drawn.update(grid, refresh=True)

            yield show

    def facts(self, rows: Iterable[tuple[str, str]], indent: int = 2) -> None:
        """Show names and values beside each other, on stderr."""
        shown = [(name, value) for name, value in rows if value]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            self.say(f"{' ' * indent}{name.ljust(width)}  {value}")

    def ask(self, question: str, default: str | None = None) -> str:
        """Ask for a line; an empty answer is the default."""
        shown = f" [{default}]" if default else ""
        return self._line(f"{question}{shown}: ").strip() or default or ""

    def ask_hidden(self, question: str) -> str:
        """Ask for a secret, without echo."""
        return self._line(f"{question}: ", hidden=True)

    def choose(self, question: str, choices: Sequence[str], default: str) -> str:
        """Ask for one of several words; its first letter will do."""
        while True:
            answer = self.ask(f"{question} [{'/'.join(choices)}]", default).lower()
            for choice in choices:
                if answer and choice.startswith(answer):
                    return choice
            self.warning(f"Answer one of {', '.join(choices)} (the first letter will do).")

    def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask yes or no; ``--yes`` answers yes."""
        if self.assume_yes:
            return True
        while True:
            answer = self._line(f"{question} [{'Y/n' if default else 'y/N'}]: ").strip().lower()
            if not answer:
                return default
            if answer in ("y", "yes", "n", "no"):
                return answer[0] == "y"
            self.warning("Answer y or n.")

    def _line(self, prompt: str, *, hidden: bool = False) -> str:
        self._need(prompt.rstrip(": "))
        while True:
            try:
                return read_line(prompt, hidden=hidden)
            except UnicodeDecodeError:
                self.warning("That was not UTF-8, which this terminal's text should be; once more.")
            except KeyboardInterrupt:
                self.err.print()
                raise

    def _need(self, question: str) -> None:
        if not self.interactive:
            raise UsageError(
                f"nobody is there to answer: {question}",
                hint="Give it as an option or in a file, or run this in a terminal.",
            )

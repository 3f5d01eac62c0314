"""What every command shares: the options accepted before and after it, and what they choose."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mip_salt.commands.names import complete_federations
from mip_salt.readers import finish_anyway

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder
    from mip_salt.questions.passphrase import PassphraseSource
    from mip_salt.terminal import Terminal

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Request:
    """One run of mip-salt: which federation, how to speak, whom to ask."""

    federation: str | None = None
    root: Path | None = None
    json_output: bool = False
    verbosity: int = 0
    assume_yes: bool = False
    no_input: bool = False
    passphrase_file: Path | None = None
    jobs: int | None = None
    words: list[str] = field(default_factory=lambda: sys.argv[1:])

    @cached_property
    def terminal(self) -> Terminal:
        """Return the operator's terminal, made when first needed: the options after a command count too."""
        from mip_salt.terminal import Terminal

        return Terminal(
            json_output=self.json_output,
            verbosity=self.verbosity,
            interactive=not self.no_input,
            assume_yes=self.assume_yes,
            root=str(self.root_folder) if self.root else "",
        )

    @cached_property
    def root_folder(self) -> Path:
        """Return the absolute root under which federations lie."""
        from mip_salt.federation.folder import DEFAULT_ROOT

        return Path(os.path.abspath(self.root or os.environ.get("MIP_SALT_ROOT") or DEFAULT_ROOT))  # noqa: PTH100 - resolve() would follow a root that is a link

    def folder(self, *, must_exist: bool = True) -> Folder:
        """Return the folder of the federation this run is about; root becomes its owner from here on.

        Raises UsageError if none, or several, could be meant.
        """
        from mip_salt.federation.folder import choose
        from mip_salt.federation.owner import work_as_owner

        folder = choose(self.federation, self.root_folder, os.environ, Path.cwd(), must_exist=must_exist)
        work_as_owner(folder, begin=not must_exist)
        return folder

    @property
    def command(self) -> str:
        """Return this run as the operator would type it again."""
        return shlex.join(["mip-salt", *self.words])

    @contextmanager
    def held(self, folder: Folder, what: str) -> Iterator[None]:
        """Hold a federation's lock and note the command in its journal when it ends."""
        from mip_salt.federation.journal import noted
        from mip_salt.federation.lock import locked

        with locked(folder, what), noted(folder, what):
            finish_anyway()
            yield

    def passphrase(self, folder: Folder) -> PassphraseSource:
        """Return what asks for the vault's passphrase: environment, file, or the operator."""
        from mip_salt.questions.passphrase import passphrase_source

        return passphrase_source(folder.name, self.terminal, self.passphrase_file)


pass_request = click.make_pass_decorator(Request, ensure=True)


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Note an option wherever it stands; what was not given leaves what was given before."""
    request = ctx.ensure_object(Request)
    if value is None or value is False or value == 0:
        return
    if param.name == "verbose":
        request.verbosity += value
    elif param.name == "quiet":
        request.verbosity -= value
    elif param.name != "pusher":
        setattr(request, str(param.name), value)


def shared_options(command: F) -> F:
    """Accept the shared options after a command too; only the front door's help lists them."""
    return root_options(command, hidden=True)


def shared_options_but_f(command: F) -> F:
    """Accept the shared options after a command that has an ``-f`` of its own; ``--federation`` is there as ever."""
    return root_options(command, hidden=True, federation=("--federation",))


def root_options(command: F, hidden: bool = False, federation: Sequence[str] = ("-f", "--federation")) -> F:
    """Add the options that are accepted before and after every command."""
    options: list[Callable[[F], F]] = [
        click.option(
            *federation,
            metavar="NAME",
            shell_complete=complete_federations,
            help="The federation; else MIP_SALT_FEDERATION, this folder's, or the only one.",
        ),
        click.option(
            "--root",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where federations lie (MIP_SALT_ROOT, else /opt).",
        ),
        click.option("--json", "json_output", is_flag=True, help="Print one JSON document on stdout."),
        click.option("-v", "--verbose", count=True, help="Explain more."),
        click.option("-q", "--quiet", count=True, help="Say only what went wrong."),
        click.option(
            "-y",
            "--yes",
            "assume_yes",
            is_flag=True,
            help="Answer yes to every yes-or-no question; never to a host key.",
        ),
        click.option("--no-input", is_flag=True, help="Never ask; what is missing is an error."),
        click.option(
            "--vault-passphrase-file",
            "passphrase_file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Read the vault's passphrase from this file (0600).",
        ),
        click.option("--pusher", is_flag=True, hidden=True),
    ]
    for option in reversed(options):
        command = _stored(option, hidden)(command)
    return command


def jobs_option(command: F) -> F:
    """Add ``-j``: how many nodes a command works on at once; the request has it."""
    option: Callable[[F], F] = click.option(
        "-j",
        "--jobs",
        metavar="N",
        type=click.IntRange(1, 200),  # as the setting
        help="Work on N nodes at once (else the setting jobs: 24).",
    )
    return _stored(option, hidden=False)(command)


def _stored(option: Callable[[F], F], hidden: bool) -> Callable[[F], F]:
    """Make an option note its value in the request instead of passing it to the command."""

    def add(command: F) -> F:
        decorated = option(command)
        params = decorated.params if isinstance(decorated, click.Command) else decorated.__click_params__  # type: ignore[attr-defined]
        added: Any = params[-1]
        added.expose_value = False
        added.callback = _store
        added.hidden = added.hidden or hidden
        return decorated

    return add

"""Where the vault's passphrase comes from: the environment, a file, or the operator."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from mip_salt.errors import Damaged, LoginRefused, UsageError
from mip_salt.terminal import Terminal
from mip_salt.vault.passphrase import MIN_LENGTH, check_new, normalised, suggest

VARIABLE = "MIP_SALT_VAULT_PASSPHRASE"
NEW_VARIABLE = "MIP_SALT_VAULT_NEW_PASSPHRASE"
TRIES = 3


class PassphraseSource:
    """Answer the question for one federation's passphrase.

    given
        The passphrase from environment or file, if there was one.
    where
        What to call that place in an error.
    """

    def __init__(self, federation: str, terminal: Terminal, given: str | None, where: str) -> None:
        self.federation, self.terminal, self.given, self.where = federation, terminal, given, where

    def __call__(self, attempt: int) -> str:
        """Return the passphrase of an existing vault; attempt counts from 1."""
        if self.given is not None:
            if attempt > 1:
                raise LoginRefused(
                    f"wrong passphrase for the vault of {self.federation} (from {self.where})",
                    hint="Correct it there, and run it again.",
                )
            return self.given
        self._need(f"the vault of {self.federation} is locked", f", or run: mip-salt -f {self.federation} vault unlock")
        if attempt > 1:
            self.terminal.warning(f"Wrong passphrase ({attempt - 1} of {TRIES}).")
        return self.terminal.ask_hidden(f"Passphrase of the vault of {self.federation}")

    def new(self) -> str:
        """Return the passphrase for a new vault: long enough, and typed twice."""
        if self.given is not None:
            return check_new(self.given, not_these=[self.federation])
        self._need(f"the vault of {self.federation} is new and needs a passphrase", ".")
        self.terminal.say(
            f"The vault of {self.federation} is new. Its passphrase opens every node; take {MIN_LENGTH} characters "
            "or more, used nowhere else. Whoever gets a copy of this folder can guess at leisure, so make it long. "
            f"For example: {suggest()}"
        )
        return _asked_twice(self.terminal, [self.federation])

    def _need(self, why: str, otherwise: str) -> None:
        if not self.terminal.interactive:
            hint = f"Set {VARIABLE} or give --vault-passphrase-file FILE{otherwise}"
            raise UsageError(f"{why}, and nobody is there to ask", hint=hint)


def new_passphrase(federation: str, terminal: Terminal, given: str | None, not_these: Sequence[str]) -> str:
    """Return the passphrase that replaces a vault's old one: given by the environment, or typed twice.

    given
        What `taken` took from ``MIP_SALT_VAULT_NEW_PASSPHRASE``.
    not_these
        What it must not be: the old one, names, kept passwords.

    Raises UsageError if it is not good enough, or nobody is there to ask.
    """
    if given is not None:
        return check_new(given, not_these=not_these)
    if not terminal.interactive:
        raise UsageError(
            f"the vault of {federation} needs a new passphrase, and nobody is there to ask", hint=f"Set {NEW_VARIABLE}."
        )
    terminal.say(f"{MIN_LENGTH} characters or more, used nowhere else. For example: {suggest()}")
    return _asked_twice(terminal, not_these)


def taken(variable: str) -> str | None:
    """Return what a variable of the environment says, and take it out, so that no child inherits it."""
    return os.environ.pop(variable, None)


def _asked_twice(terminal: Terminal, not_these: Sequence[str]) -> str:
    while True:
        try:
            first = check_new(terminal.ask_hidden("New passphrase"), not_these=not_these)
        except UsageError as err:
            terminal.error(err)
            continue
        if normalised(terminal.ask_hidden("The same again")) == first:
            return first
        terminal.warning("These two differ; once more.")


def passphrase_source(federation: str, terminal: Terminal, file: Path | None) -> PassphraseSource:
    """Return the source that this run has; a given passphrase leaves the environment, so no child inherits it.

    Raises Damaged for a file that others can read, or none at all.
    """
    given = taken(VARIABLE)
    if file is not None:
        return PassphraseSource(federation, terminal, _read(file), str(file))
    return PassphraseSource(federation, terminal, given, VARIABLE)


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as source:
            mode = os.fstat(source.fileno())
            if stat.S_ISREG(mode.st_mode) and mode.st_mode & 0o077:
                raise Damaged(
                    f"{file} can be read by others",
                    hint=f"chmod 600 {file}, and change the passphrase if others could look.",
                )
            return source.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as err:
        raise Damaged(
            f"{file} cannot be read: {getattr(err, 'strerror', None) or 'not UTF-8'}",
            hint="Give a file of your own with one line, the passphrase; chmod 600.",
        ) from err

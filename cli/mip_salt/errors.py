"""The one error tree: what went wrong, on which node, why, what to do, and the exit code that says so."""

from __future__ import annotations

from collections.abc import Iterable


class MipError(Exception):
    """Something the operator has to know; never a traceback.

    message
        What went wrong and why, one sentence, printable as it is.
    hint
        What to do about it.
    node
        Id of the node it happened on, if it happened on one.
    command
        The command that reproduces it.
    """

    exit_code = 1
    kind = "failed"

    def __init__(self, message: str, *, hint: str = "", node: str = "", command: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.node, self.command = message, hint, node, command

    def __str__(self) -> str:
        return f"{self.node}: {self.message}" if self.node else self.message


class UsageError(MipError):
    """The request itself is wrong; nothing was tried."""

    exit_code = 2


class TrustRefused(MipError):
    """Not the machine, or not the key, that the operator confirmed; nothing secret was sent."""

    exit_code = 3
    kind = "refused"


class LoginRefused(MipError):
    """A password, key, passphrase or sudo right was refused."""

    exit_code = 4
    kind = "login"


class Unreachable(MipError):
    """No answer, or none in time."""

    exit_code = 5
    kind = "unreachable"


class Damaged(MipError):
    """A file on this machine is missing, damaged or not private."""

    exit_code = 6
    kind = "damaged"


class Busy(MipError):
    """Another command holds the federation."""

    exit_code = 6
    kind = "busy"


class NodeFailed(MipError):
    """The node was reached and did not do its work."""

    exit_code = 7
    kind = "failed"


class Interrupted(MipError):
    """The operator stopped the command."""

    exit_code = 130
    kind = "interrupted"


SERIOUSNESS = (130, 1, 3, 4, 6, 7, 5, 2)
EXIT_CODES = {
    error.kind: error.exit_code
    for error in (TrustRefused, LoginRefused, Unreachable, Damaged, Busy, NodeFailed, Interrupted)
}


def worst(codes: Iterable[int]) -> int:
    """Return the most serious of several exit codes, 0 if there are none."""
    failed = {code for code in codes if code}
    return next((code for code in SERIOUSNESS if code in failed), max(failed, default=0))

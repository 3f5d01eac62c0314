"""What the operator wants of one node, and how the workflow asks about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from mip_salt.errors import MipError
from mip_salt.federation.model import Access, Federation, Node

if TYPE_CHECKING:
    from mip_salt.ssh.facts import Facts
    from mip_salt.ssh.hostkeys import HostKey


@dataclass(frozen=True)
class Wish:
    """A node to confirm and record.

    host_key
        The fingerprint that the operator already knows, if any.
    replace
        Whether another host key, machine-id or hostname than the recorded one is what the operator expects.
    """

    id: str
    access: Access
    host_key: str | None = None
    replace: bool = False


@dataclass(frozen=True)
class Removal:
    """A node to forget."""

    id: str


class Next(Enum):
    """What to do after a failure on one node."""

    RETRY = "retry"
    SKIP = "skip"
    STOP = "stop"


class Questions(Protocol):
    """Everything the configure workflow asks; a terminal answers it, or a file."""

    def batches(self, current: Callable[[], Federation]) -> Iterator[Sequence[Wish | Removal]]:
        """Yield what to do; the members of one batch are done side by side."""

    def confirm_host_keys(self, wish: Wish, keys: Sequence[HostKey], pinned: Sequence[HostKey]) -> list[HostKey]:
        """Return the host keys that the operator confirmed; raise TrustRefused for none."""

    def password(self, wish: Wish) -> str | None:
        """Return the user's password, or None to log in with the operator's own keys."""

    def confirm_machine(self, wish: Wish, facts: Facts, before: Node | None) -> None:
        """Raise TrustRefused unless the operator confirms that this is the machine meant."""

    def keep_password(self, wish: Wish) -> bool:
        """Say whether the password that was just used is to be kept in the vault."""

    def after_failure(self, wish: Wish, error: MipError) -> tuple[Next, Wish]:
        """Say how to go on, and with which wish."""

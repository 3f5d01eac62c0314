"""Answers for trusting one node again, whose new fingerprint the operator names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mip_salt.errors import MipError, TrustRefused
from mip_salt.federation.model import Access, Federation, Node
from mip_salt.questions.file import password_from_environment
from mip_salt.questions.fingerprints import matching
from mip_salt.questions.wish import Next, Removal, Wish
from mip_salt.questions.wizard import Wizard
from mip_salt.terminal import Terminal

if TYPE_CHECKING:
    from mip_salt.ssh.facts import Facts
    from mip_salt.ssh.hostkeys import HostKey


class TrustAgain:
    """Accept the named fingerprint and nothing else; ask for the rest only if an operator is there.

    name
        The node's id.
    host_key
        The fingerprint that the operator read on the node's own console.
    """

    def __init__(self, federation: str, terminal: Terminal, name: str, host_key: str) -> None:
        self.terminal, self.name, self.host_key = terminal, name, host_key
        self.wizard = Wizard(federation, terminal)
        self.given = password_from_environment(name)

    def batches(self, current: Callable[[], Federation]) -> Iterator[Sequence[Wish | Removal]]:
        """Yield the one node."""
        node = current().nodes[self.name]
        access = Access.model_validate(node.model_dump(include=set(Access.model_fields)))
        yield [Wish(self.name, access, self.host_key, replace=True)]

    def confirm_host_keys(self, wish: Wish, keys: Sequence[HostKey], pinned: Sequence[HostKey]) -> list[HostKey]:
        """Return the key with the named fingerprint."""
        return matching(wish, keys)

    def password(self, wish: Wish) -> str | None:
        """Return the password of the environment, or ask."""
        if self.given is None and self.terminal.interactive:
            return self.wizard.password(wish)
        return self.given

    def confirm_machine(self, wish: Wish, facts: Facts, before: Node | None) -> None:
        """Ask; without an operator only a machine of the recorded hostname will do."""
        if self.terminal.interactive:
            self.wizard.confirm_machine(wish, facts, before)
        elif before and before.hostname != facts.hostname and not self.terminal.assume_yes:
            raise TrustRefused(
                f"its hostname is {facts.hostname}, confirmed was {before.hostname}",
                node=wish.id,
                hint="Run it in a terminal, or add --yes if this name is right.",
            )

    def keep_password(self, wish: Wish) -> bool:
        """Keep none."""
        return False

    def after_failure(self, wish: Wish, error: MipError) -> tuple[Next, Wish]:
        """Leave it as it was."""
        return Next.SKIP, wish

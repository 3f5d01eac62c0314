"""Answers from a nodes file: the declarative run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mip_salt.errors import MipError, TrustRefused
from mip_salt.federation.model import Access, Federation, Node
from mip_salt.federation.node_ids import order_of
from mip_salt.federation.nodes_file import NodesFile, NodeWish
from mip_salt.questions.fingerprints import ask_to_confirm, matching
from mip_salt.questions.wish import Next, Removal, Wish
from mip_salt.terminal import Terminal

if TYPE_CHECKING:
    from mip_salt.ssh.facts import Facts
    from mip_salt.ssh.hostkeys import HostKey

PASSWORD_VARIABLE = "MIP_SALT_PASSWORD_"  # noqa: S105 - the name of a variable, not a password


class FileQuestions:
    """Answer from a file; where it is silent ask the operator, if one is there.

    only
        The one node to configure, or None for all of the file.
    """

    def __init__(self, federation: str, file: NodesFile, terminal: Terminal, only: str | None = None) -> None:
        self.federation, self.file, self.terminal, self.only = federation, file, terminal, only
        self._passwords = {name: _password(name, wish) for name, wish in file.nodes.items()}

    def batches(self, current: Callable[[], Federation]) -> Iterator[Sequence[Wish | Removal]]:
        """Yield what needs no question side by side, the rest one by one; bastions before what is behind them."""
        wishes = [self._wish(name) for name in sorted(self.file.nodes, key=order_of) if self.only in (None, name)]
        for behind in (False, True):
            group = [wish for wish in wishes if bool(wish.access.bastion) is behind]
            silent = [wish for wish in group if not self._may_ask(wish)]
            if silent:
                yield silent
            for wish in group:
                if wish not in silent:
                    yield [wish]

    def _may_ask(self, wish: Wish) -> bool:
        return self.terminal.interactive and (not wish.host_key or self._passwords[wish.id] is None)

    def _wish(self, name: str) -> Wish:
        node = self.file.nodes[name]
        access = Access.model_validate(node.model_dump(include=set(Access.model_fields)))
        return Wish(name, access, node.host_key)

    def confirm_host_keys(self, wish: Wish, keys: Sequence[HostKey], pinned: Sequence[HostKey]) -> list[HostKey]:
        """Compare with the file's fingerprint; without one the operator must confirm."""
        if wish.host_key:
            return matching(wish, keys)
        if self.terminal.interactive:
            return ask_to_confirm(self.terminal, self.federation, wish, keys)
        raise TrustRefused(
            "its host key is not confirmed: the file has no host_key for it, and nobody is there to ask",
            node=wish.id,
            hint="Read the fingerprint on the node's own console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)\n"
            "and write it in the file as host_key. Nothing was sent to the node.",
        )

    def password(self, wish: Wish) -> str | None:
        """Return the password of environment, file or operator."""
        given = self._passwords[wish.id]
        if given is None and self.terminal.interactive:
            shown = f"Password of {wish.access.user} on {wish.id} (empty: your own SSH keys)"
            return self.terminal.ask_hidden(shown) or None
        return given

    def confirm_machine(self, wish: Wish, facts: Facts, before: Node | None) -> None:
        """Compare with the file's hostname, if it has one."""
        wanted = wish.access.hostname
        if wanted and facts.hostname != wanted:
            raise TrustRefused(
                f"its hostname is {facts.hostname}, the file says {wanted}",
                node=wish.id,
                hint="Correct the address or the hostname in the file, whichever is wrong. Nothing was recorded.",
            )

    def keep_password(self, wish: Wish) -> bool:
        """Say what the file says."""
        return self.file.nodes[wish.id].keep_password

    def after_failure(self, wish: Wish, error: MipError) -> tuple[Next, Wish]:
        """Go on with the other nodes."""
        return Next.SKIP, wish


def password_from_environment(name: str) -> str | None:
    """Return a node's password from its variable, which it then leaves: no child process inherits it."""
    return os.environ.pop(f"{PASSWORD_VARIABLE}{name.upper()}", None)


def password_given(name: str) -> bool:
    """Say whether a node's password stands in the environment, without taking it."""
    return f"{PASSWORD_VARIABLE}{name.upper()}" in os.environ


def _password(name: str, wish: NodeWish) -> str | None:
    given = password_from_environment(name)
    return given if given is not None else wish.password.get_secret_value() if wish.password else None

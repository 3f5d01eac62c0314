"""Answers from the operator's terminal: the wizard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mip_salt.errors import LoginRefused, MipError, TrustRefused, UsageError
from mip_salt.federation.address import join_address, split_address
from mip_salt.federation.kinds import USER
from mip_salt.federation.model import Access, Federation, Node
from mip_salt.federation.node_ids import Role, role_of
from mip_salt.questions.fingerprints import ask_to_confirm, matching
from mip_salt.questions.wish import Next, Removal, Wish
from mip_salt.terminal import Terminal

if TYPE_CHECKING:
    from mip_salt.ssh.facts import Facts
    from mip_salt.ssh.hostkeys import HostKey

# Three wrong passwords are what fail2ban and pam_faillock commonly count to.
MOST_REFUSALS = 3
TITLES = {Role.MASTER: "the master", Role.UI: "the web front end", Role.WORKER: "a worker"}


class Wizard:
    """Ask node by node: those that exist, then the master, the ui, and workers until an empty answer.

    only
        The one node to go straight to, or None for all.
    """

    def __init__(self, federation: str, terminal: Terminal, only: str | None = None) -> None:
        self.federation, self.terminal, self.only = federation, terminal, only
        self._refused = 0

    def batches(self, current: Callable[[], Federation]) -> Iterator[Sequence[Wish | Removal]]:
        """Yield one node at a time: what is asked next depends on how the last one went."""
        if self.only:
            yield from self._one(self.only, current().nodes.get(self.only))
            return
        for name in current().ids():
            yield from self._one(name, current().nodes[name])
        for name in ("ms", "ui"):
            if name not in current().nodes:
                yield from self._one(name, None)
        while True:
            number = next(n for n in range(1, 1000) if f"wk{n}" not in current().nodes)
            wish = self._ask_access(f"wk{number}", None)
            if wish is None:
                return
            yield [wish]

    def _one(self, name: str, node: Node | None) -> Iterator[Sequence[Wish | Removal]]:
        if node is None:
            wish = self._ask_access(name, None)
        else:
            self.terminal.title(
                f"{name}, {TITLES[node.role]}: {node.hostname}, {node.user} at {join_address(node.address, node.port)}"
            )
            action = self.terminal.choose("Keep, change or remove it?", ("keep", "change", "remove"), "keep")
            if action == "remove" and self.terminal.confirm(f"Remove {name} ({node.hostname}) from {self.federation}?"):
                yield [Removal(name)]
            wish = self._ask_access(name, node) if action == "change" else None
        if wish is not None:
            yield [wish]

    def _ask_access(self, name: str, node: Node | None) -> Wish | None:
        """Ask how a node is reached; None for an empty answer."""
        role, self._refused = role_of(name), 0
        if node is None:
            self.terminal.title(f"{name}, {TITLES[role]}")
        end = "no more workers" if role is Role.WORKER else "not now"
        hint = "" if node else f" (name, IP or host:port; empty: {end})"
        while True:
            default = join_address(node.address, node.port) if node else None
            answer = self.terminal.ask(f"Address{hint}", default)
            if not answer:
                return None
            try:
                address, port = split_address(answer)
                break
            except ValueError as err:
                self.terminal.warning(f"{err}; for example 10.0.0.11, wk1.hospital.org:2222 or [2001:db8::11]:22.")
        while True:
            user = self.terminal.ask("Administration user", node.user if node else "mipadmin")
            if USER.match(user):
                break
            self.terminal.warning("A user's name is a-z, 0-9, _ and -, not starting with a digit or -.")
        keep = node.model_dump(include={"site", "bastion"}) if node else {}
        return Wish(name, Access(role=role, address=address, port=port, user=user, **keep))

    def confirm_host_keys(self, wish: Wish, keys: Sequence[HostKey], pinned: Sequence[HostKey]) -> list[HostKey]:
        """Show all fingerprints and ask; a fingerprint known before is compared without asking."""
        if wish.host_key:
            return matching(wish, keys)
        return ask_to_confirm(self.terminal, self.federation, wish, keys)

    def password(self, wish: Wish) -> str | None:
        """Ask for the password, hidden."""
        shown = f"Password of {wish.access.user} on {wish.id} (empty: your own SSH keys)"
        return self.terminal.ask_hidden(shown) or None

    def confirm_machine(self, wish: Wish, facts: Facts, before: Node | None) -> None:
        """Show the real hostname with the machine's facts, and ask."""
        self.terminal.say(f"{wish.id} says it is:")
        self.terminal.facts(facts.rows())
        if before and before.hostname != facts.hostname:
            self.terminal.warning(f"It was {before.hostname} before.")
        if not self.terminal.confirm(f"Is this the machine you mean for {wish.id}?", default=False):
            raise TrustRefused(
                f"{facts.hostname} is not the machine meant",
                node=wish.id,
                hint="The identity was installed for its user all the same: remove the line ending in "
                f"mip-salt:{self.federation} from ~/.ssh/authorized_keys there, and /etc/sudoers.d/mip-salt.",
            )

    def keep_password(self, wish: Wish) -> bool:
        """Keep no password: the identity replaces it."""
        return False

    def after_failure(self, wish: Wish, error: MipError) -> tuple[Next, Wish]:
        """Say why, and offer to try again (with another address, if wanted), to leave the node out, or to stop."""
        self.terminal.error(error)
        self._refused += isinstance(error, LoginRefused)
        if self._refused >= MOST_REFUSALS:
            self.terminal.say("Not tried again now: one more could lock the account.")
            return Next(self.terminal.choose("Skip this node, or stop?", ("skip", "stop"), "skip")), wish
        again = Next(self.terminal.choose("Retry, skip this node, or stop?", ("retry", "skip", "stop"), "retry"))
        if again is not Next.RETRY or wish.replace or isinstance(error, LoginRefused):
            return again, wish  # nothing but the password was wrong
        before = Node.model_validate(wish.access.model_dump())
        changed = self._ask_access(wish.id, before)
        if changed is None:
            raise UsageError(
                "no address",
                node=wish.id,
                hint=f"Run it again: mip-salt -f {self.federation} configure --node {wish.id}",
            )
        return again, changed

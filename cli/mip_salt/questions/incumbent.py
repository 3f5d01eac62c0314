"""What importing a federation of the incumbent asks: its vault's passphrase, host keys, and passwords that fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mip_salt.errors import LoginRefused, MipError, TrustRefused, UsageError
from mip_salt.federation.nodes_file import NodesFile
from mip_salt.questions.file import PASSWORD_VARIABLE, FileQuestions
from mip_salt.questions.passphrase import TRIES, taken
from mip_salt.questions.wish import Next, Wish
from mip_salt.questions.wizard import MOST_REFUSALS, Wizard
from mip_salt.terminal import Terminal

if TYPE_CHECKING:
    from mip_salt.federation.model import Node
    from mip_salt.incumbent.ansible_vault import Sealed
    from mip_salt.ssh.facts import Facts
    from mip_salt.ssh.hostkeys import HostKey

VARIABLE = "MIP_SALT_ANSIBLE_VAULT_PASSWORD"
INCUMBENTS = "ANSIBLE_VAULT_PASSWORD"  # what mip itself reads


class VaultQuestion:
    """Open the incumbent's vault with the passphrase of environment or operator; an empty one goes on without."""

    def __init__(self, terminal: Terminal) -> None:
        given, incumbents = taken(VARIABLE), taken(INCUMBENTS)  # both leave the environment of every child
        self.terminal, self.given = terminal, given if given is not None else incumbents

    def __call__(self, sealed: Sealed) -> bytes | None:
        """Return what the vault holds, or None to go on without its passwords.

        Raises LoginRefused for a wrong passphrase, UsageError if there is none and nobody to ask.
        """
        from mip_salt.incumbent.ansible_vault import unseal

        if self.given is not None:
            return unseal(sealed, self.given) if self.given else None
        if not self.terminal.interactive:
            raise UsageError(
                "the incumbent's vault.yaml is encrypted, and nobody is there to ask for its passphrase",
                hint=f"Set {VARIABLE}; set it empty to go on without its passwords, and give each\n"
                f"node's in {PASSWORD_VARIABLE}<ID>.",
            )
        for attempt in range(1, TRIES + 1):
            answer = self.terminal.ask_hidden("Ansible Vault password of the incumbent (empty: without its passwords)")
            if not answer:
                return None
            try:
                return unseal(sealed, answer)
            except LoginRefused as err:
                if attempt == TRIES:
                    raise
                self.terminal.warning(f"{err.message[0].upper()}{err.message[1:]} ({attempt} of {TRIES}).")
        return None


class ImportQuestions(FileQuestions):
    """Answer from what the incumbent recorded; it recorded no host keys, and may have misread a password."""

    def __init__(self, federation: str, file: NodesFile, terminal: Terminal) -> None:
        super().__init__(federation, file, terminal)
        self._refused: dict[str, int] = {}
        self._wizard = Wizard(federation, terminal)

    def _may_ask(self, wish: Wish) -> bool:
        # A refused password is asked for anew, and while one question is open no other node's login may wait on it.
        return self.terminal.interactive

    def told(self, name: str) -> bool:
        """Say whether the operator saw why a node failed last."""
        return name in self._refused

    def confirm_host_keys(self, wish: Wish, keys: Sequence[HostKey], pinned: Sequence[HostKey]) -> list[HostKey]:
        """Compare with the fingerprint given; without one the operator must confirm."""
        if not wish.host_key and not self.terminal.interactive:
            raise TrustRefused(
                "its host key is not confirmed: the incumbent never recorded one, and nobody is there to ask",
                node=wish.id,
                hint="Read it on the node's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n"
                f"and give it: --host-key {wish.id}=SHA256:… Nothing was sent to the node.",
            )
        return super().confirm_host_keys(wish, keys, pinned)

    def confirm_machine(self, wish: Wish, facts: Facts, before: Node | None) -> None:
        """Compare with the hostname that the incumbent recorded; without one, or with another, ask."""
        recorded = wish.access.hostname
        if recorded == facts.hostname:
            return
        if recorded and not self.terminal.interactive:
            raise TrustRefused(
                f"its hostname is {facts.hostname}, the incumbent recorded {recorded}",
                node=wish.id,
                hint="If it was renamed, confirm it at a terminal, or in a nodes file: import … --nodes-file. Nothing "
                "was recorded.",
            )
        if self.terminal.interactive:
            if recorded:
                self.terminal.warning(f"When the incumbent was configured, {wish.id} was {recorded}.")
            self._wizard.confirm_machine(wish, facts, before)

    def after_failure(self, wish: Wish, error: MipError) -> tuple[Next, Wish]:
        """Ask for another password when the incumbent's was refused, if an operator is there; else go on."""
        if not self.terminal.interactive or not isinstance(error, LoginRefused):
            self._refused.pop(wish.id, None)
            return Next.SKIP, wish
        self.terminal.error(error)
        count = self._refused[wish.id] = self._refused.get(wish.id, 0) + 1
        if count >= MOST_REFUSALS:
            self.terminal.say("Not tried again now: one more could lock the account.")
            return Next.SKIP, wish
        again = Next(self.terminal.choose("Another password, or skip this node?", ("retry", "skip"), "skip"))
        if again is Next.RETRY:
            self._passwords[wish.id] = None
        return again, wish

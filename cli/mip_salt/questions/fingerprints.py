"""Ask the operator whether these are the node's host keys, before anything secret is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mip_salt.errors import TrustRefused
from mip_salt.federation.address import join_address
from mip_salt.federation.fingerprint import in_words, valid_fingerprint
from mip_salt.questions.wish import Wish
from mip_salt.terminal import Terminal

if TYPE_CHECKING:
    from mip_salt.ssh.hostkeys import HostKey


def show(terminal: Terminal, wish: Wish, keys: Sequence[HostKey]) -> None:
    """Show every host key that a node offers."""
    terminal.say(f"{join_address(wish.access.address, wish.access.port)} offers these host keys:")
    terminal.facts([(key.name, key.fingerprint) for key in keys])
    words = in_words(keys[0].fingerprint).split()
    terminal.say(f"The {keys[0].name} key in words:\n  {' '.join(words[:8])}\n  {' '.join(words[8:])}")


def matching(wish: Wish, keys: Sequence[HostKey]) -> list[HostKey]:
    """Return the host key with the fingerprint that the operator knows.

    Only that one is pinned: the others came over the same unproven connection.

    Raises TrustRefused, showing both, if the node does not offer it.
    """
    found = [key for key in keys if key.fingerprint == wish.host_key]
    if not found:
        offered = "\n".join(f"  {key.name:8} {key.fingerprint}" for key in keys)
        raise TrustRefused(
            f"its host key is not the one expected; nothing was sent\n  expected {wish.host_key}\n{offered}",
            node=wish.id,
            hint="Another machine answers at this address, someone is in between, or the node was reinstalled. "
            "Read the fingerprint on the node's own console before you trust it.",
        )
    return found


def ask_to_confirm(terminal: Terminal, federation: str, wish: Wish, keys: Sequence[HostKey]) -> list[HostKey]:
    """Return the host keys that the operator confirms by yes, or by pasting the fingerprint he knows.

    ``--yes`` does not answer this: a host key is never assumed.

    Raises TrustRefused if he does not.
    """
    show(terminal, wish, keys)
    terminal.say(
        "Compare one with what the node's own console says, or its administrator reads:\n"
        "  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n"
        f"How to read it in words: mip-salt -f {federation} node handover {wish.id}"
    )
    while True:
        answer = terminal.ask("Are these its keys? yes, no, or the fingerprint or words you were given")
        if answer.lower() in ("yes", "y"):
            return list(keys)
        if answer.lower() in ("", "no", "n"):
            raise TrustRefused(
                "its host keys were not confirmed; nothing was sent",
                node=wish.id,
                hint="Ask the node's administrator for its fingerprint.",
            )
        try:
            return matching(Wish(wish.id, wish.access, valid_fingerprint(answer)), keys)
        except ValueError as err:
            terminal.warning(f"That is neither yes nor a fingerprint: {err}.")

"""What asyncssh asks during one login, answered with one kind of secret, once."""

from __future__ import annotations

from collections.abc import Sequence

import asyncssh
from asyncssh import SSHClientConnection, SSHKeyPair

CHANGE = ("expired", "current", "new password", "change your password", "retype")


class Asker(asyncssh.SSHClient):
    """Give the password at most once a connection, so that one wrong password is one failure on the node.

    Every method is allowed, and only one has an answer here: so each login also learns what the node offers, at the
    cost of no connection more (since OpenSSH 9.8, sshd shuts a machine out for a while after a few that fail).

    password
        To give when the node asks for it, by either method; None to give none.
    keys
        Key pairs to offer, each once.
    """

    def __init__(self, password: str | None = None, keys: Sequence[SSHKeyPair] = ()) -> None:
        self._left = [] if password is None else [password]
        self._keys = list(keys)
        self.gave = False
        self.expired = False
        self.odd_question = ""
        self.methods: list[str] = []
        self._conn: SSHClientConnection | None = None

    def connection_made(self, conn: SSHClientConnection) -> None:
        """Keep the connection, to tell later how far it came."""
        self._conn = conn

    @property
    def connected(self) -> bool:
        """Say whether the machine took the connection."""
        return self._conn is not None

    @property
    def trusted(self) -> bool:
        """Say whether the node proved a confirmed host key, so that the login itself had begun."""
        return self._conn is not None and self._conn.get_server_host_key() is not None

    def public_key_auth_requested(self) -> SSHKeyPair | None:
        """Return the next key."""
        self._note()
        return self._keys.pop(0) if self._keys else None

    def password_auth_requested(self) -> str | None:
        """Return the password, the first time."""
        self._note()
        return self._take() if self._left else None

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:
        """Refuse: only the user changes a password."""
        self.expired = True
        raise asyncssh.PermissionDenied("password change requested")

    def kbdint_auth_requested(self) -> str | None:
        """Agree to be asked, as long as there is an answer."""
        self._note()
        return "" if self._left else None

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        """Answer the one hidden question; recognise the demand for a new password (measured, PAM of Debian 12)."""
        if not prompts:
            return []
        if self._left and len(prompts) == 1 and not prompts[0][1]:
            return [self._take()]
        asked = " ".join([name, instructions, *(text for text, _ in prompts)])
        if self.gave and any(word in asked.lower() for word in CHANGE):
            self.expired = True
        else:
            self.odd_question = asked
        return None

    def _note(self) -> None:
        if not self.methods and self._conn is not None:
            self.methods = list(self._conn.get_server_auth_methods())

    def _take(self) -> str:
        self.gave = True
        return self._left.pop()

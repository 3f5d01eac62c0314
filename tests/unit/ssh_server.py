"""A real SSH server that writes down what it is told, and clients that meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh
import pytest
from mip_salt.errors import MipError
from mip_salt.ssh.login import login, session
from mip_salt.ssh.scan import host_key
from mip_salt.ssh.target import Target

HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
ANOTHER = asyncssh.generate_private_key("ssh-ed25519")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
PASSWORD = " pä ss'\"$[]\\#:%"


class Node(asyncssh.SSHServer):
    """A server that writes down what it is told."""

    def __init__(self, seen: list[str], **ways: Any) -> None:
        self.seen, self.ways = seen, ways

    def begin_auth(self, username: str) -> bool:
        self.seen.append(f"user {username}")
        return not self.ways.get("open")

    def password_auth_supported(self) -> bool:
        return bool(self.ways.get("password"))

    def validate_password(self, username: str, password: str) -> bool:
        self.seen.append(f"password {password}")
        if self.ways.get("password") == "expired":
            raise asyncssh.PasswordChangeRequired("Password expired")
        return password == self.ways.get("password")

    def kbdint_auth_supported(self) -> bool:
        return bool(self.ways.get("questions"))

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        self.questions = list(self.ways["questions"])
        return self._next()

    def validate_kbdint_response(self, username: str, responses: list[str]) -> Any:
        self.seen.extend(f"answer {text}" for text in responses)
        if responses and responses[0] != PASSWORD:
            return False
        return self._next()

    def _next(self) -> Any:
        return ("", "", "", self.questions.pop(0)) if self.questions else True

    def public_key_auth_supported(self) -> bool:
        return "key" in self.ways

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self.seen.append(f"key {key.get_fingerprint()[:12]}")
        return key.get_fingerprint() == self.ways["key"]


def meet(use: Callable[[Target], Awaitable[None]], host: asyncssh.SSHKey = HOST_KEY, **ways: Any) -> list[str]:
    """Let a client meet a server; return what the server was told."""
    seen: list[str] = []

    async def main() -> None:
        server = await asyncssh.create_server(
            lambda: Node(seen, **ways), "127.0.0.1", 0, server_host_keys=[host], config=None
        )
        try:
            await use(Target("wk1", "127.0.0.1", server.get_port(), "mipadmin"))
        finally:
            server.close()

    asyncio.run(main())
    return seen


def enter(host: asyncssh.SSHKey = HOST_KEY, ways: dict[str, Any] | None = None, **secret: Any) -> list[str]:
    """Log in to a server whose confirmed key is HOST_KEY; return what the server was told."""

    async def use(target: Target) -> None:
        async with session(target, [host_key(HOST_KEY)], **secret):
            pass

    return meet(use, host, **(ways or {}))


def refused(
    kind: type[MipError], host: asyncssh.SSHKey = HOST_KEY, ways: dict[str, Any] | None = None, **secret: Any
) -> tuple[MipError, list[str]]:
    seen: list[str] = []
    found: list[MipError] = []

    async def use(target: Target) -> None:
        with pytest.raises(kind) as caught:
            await login(target, [host_key(HOST_KEY)], **secret)
        found.append(caught.value)

    seen = meet(use, host, **(ways or {}))
    assert found[0].node == "wk1"
    assert PASSWORD not in str(found[0]) + found[0].hint + found[0].command
    return found[0], seen

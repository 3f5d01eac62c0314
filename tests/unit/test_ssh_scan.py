"""Host keys are asked for without a word more; what does not answer is told apart. Real servers, real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh
import pytest
from mip_salt.errors import Unreachable
from mip_salt.ssh.scan import host_key, scan
from mip_salt.ssh.target import Target

ED25519 = asyncssh.generate_private_key("ssh-ed25519")
ECDSA = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


USERS: list[str] = []


class Silent(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        USERS.append(username)
        return True


def scanned(*keys: asyncssh.SSHKey) -> list[Any]:
    async def main() -> list[Any]:
        server = await asyncssh.create_server(Silent, "127.0.0.1", 0, server_host_keys=list(keys), config=None)
        try:
            return await scan(Target("wk1", "127.0.0.1", server.get_port()))
        finally:
            server.close()

    return asyncio.run(main())


def why(talk: Talk, timeout: float = 10.0) -> tuple[str, int]:
    """Return why a server that talks so is unreachable, and how many connections it got."""
    calls = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        try:
            await talk(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def main() -> str:
        server = await asyncio.start_server(counted, "127.0.0.1", 0)
        try:
            with pytest.raises(Unreachable) as caught:
                await scan(Target("wk1", "127.0.0.1", server.sockets[0].getsockname()[1]), timeout=timeout)
        finally:
            server.close()
        assert caught.value.node == "wk1"
        assert caught.value.message.isprintable()
        assert caught.value.hint
        return caught.value.message

    return asyncio.run(main()), calls


def test_every_kind_of_host_key_is_found() -> None:
    assert scanned(ED25519, ECDSA, RSA) == [host_key(key) for key in (ED25519, ECDSA, RSA)]


@pytest.mark.parametrize("key", [ED25519, ECDSA, RSA], ids=["ed25519", "ecdsa", "rsa"])
def test_a_node_with_one_kind_is_enough(key: asyncssh.SSHKey) -> None:
    assert scanned(key) == [host_key(key)]


def test_no_user_is_named() -> None:
    USERS.clear()
    scanned(ED25519)
    assert USERS == []


def test_a_node_without_a_usable_host_key_is_told() -> None:
    with pytest.raises(Unreachable, match="offers no Ed25519"):
        scanned(asyncssh.generate_private_key("ecdsa-sha2-nistp521"))


def test_a_closed_port_is_refused_and_not_tried_again() -> None:
    with pytest.raises(Unreachable, match="connection refused") as caught:
        asyncio.run(scan(Target("wk1", "127.0.0.1", 1)))
    assert "another port" in caught.value.hint
    assert caught.value.command == "ssh -p 1 mipadmin@127.0.0.1"


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(Unreachable, match="could not be resolved"):
        asyncio.run(scan(Target("wk1", "no-such-host.invalid")))


def test_a_connection_closed_at_once_is_tried_once_more() -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Exceeded MaxStartups\r\n")
        await writer.drain()

    message, calls = why(drop)
    assert "closed the connection" in message
    assert calls == 3 * 2 + 1  # three kinds of key twice, and one look at what it says


def test_an_sshd_that_shuts_this_machine_out_is_told() -> None:
    async def penalty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Not allowed at this time\r\n")  # OpenSSH since 9.8, PerSourcePenalties
        await writer.drain()

    assert "shuts this machine out" in why(penalty)[0]


@pytest.mark.parametrize("said", [b"220 mail ESMTP\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_another_service_is_no_ssh_server(said: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        await reader.readline()

    message, _ = why(speak)
    assert "not an SSH server" in message
    assert said.decode().strip() in message


def test_an_old_protocol_is_no_ssh_server() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-1.5-old\r\n")
        await reader.readline()

    assert "not an SSH server" in why(old)[0]


def test_silence_ends_at_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    assert "no answer in time" in why(silent, 0.3)[0]


def test_a_flood_before_the_greeting_ends() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    assert "not an SSH server" in why(flood)[0]

"""One command over a login ends, whatever the node does; the node here is a real SSH server that misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncssh
import pytest
from mip_salt.errors import LoginRefused, MipError, NodeFailed, Unreachable
from mip_salt.ssh.channel import run

HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
Process = asyncssh.SSHServerProcess


class Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


def talk(handler: Callable[[Process], Awaitable[None]], stdin: bytes = b"", timeout: float = 5.0) -> bytes:
    """Return what a command says to a server whose process is the handler."""

    async def guarded(process: Process) -> None:
        try:
            await handler(process)
        except (OSError, asyncssh.Error):
            process.close()  # the other side has gone, as it should

    async def main() -> bytes:
        server = await asyncssh.create_server(
            Open, "127.0.0.1", 0, server_host_keys=[HOST_KEY], process_factory=guarded, encoding=None, config=None
        )
        conn = await asyncssh.connect(
            "127.0.0.1",
            server.get_port(),
            known_hosts=([HOST_KEY.convert_to_public()], [], []),
            config=None,
            client_keys=None,
        )
        try:
            return await run(conn, "wk1", "the command", stdin, timeout)
        finally:
            conn.abort()
            server.close()

    return asyncio.run(main())


def caught(kind: type[MipError], handler: Callable[[Process], Awaitable[None]], timeout: float = 5.0) -> MipError:
    with pytest.raises(kind) as found:
        talk(handler, b"s3cret\n", timeout)
    assert found.value.node == "wk1"
    assert found.value.message.isprintable()
    assert "s3cret" not in found.value.message
    return found.value


def test_what_a_command_says_on_both_streams_comes_back() -> None:
    async def both(process: Process) -> None:
        process.stdout.write(b"out\n")
        await process.stdout.drain()
        process.stderr.write(b"err\n")
        process.exit(0)

    assert sorted(talk(both).split()) == [b"err", b"out"]


def test_the_command_reads_all_of_stdin_and_its_end() -> None:
    async def echo(process: Process) -> None:
        process.stdout.write(await process.stdin.read())
        process.exit(0)

    assert talk(echo, b"line\n") == b"line\n"


def test_a_command_that_ends_without_reading_is_no_failure() -> None:
    async def deaf(process: Process) -> None:
        process.exit(0)

    assert talk(deaf, b"x" * 300_000) == b""


def test_an_endless_answer_is_cut_at_64_kib() -> None:
    async def flood(process: Process) -> None:
        while True:
            process.stdout.write(b"x" * 8192)
            await process.stdout.drain()

    assert "more than 65536 bytes" in caught(Unreachable, flood).message


def test_silence_ends_at_the_deadline() -> None:
    async def hang(process: Process) -> None:
        await process.stdin.read()
        await asyncio.Event().wait()

    before = time.monotonic()
    assert "no end of its answer in 0.3 s" in caught(Unreachable, hang, 0.3).message
    assert time.monotonic() - before < 3


def test_one_byte_at_a_time_ends_at_the_deadline() -> None:
    async def trickle(process: Process) -> None:
        while True:
            process.stdout.write(b".")
            await process.stdout.drain()
            await asyncio.sleep(0.05)

    assert "no end of its answer" in caught(Unreachable, trickle, 0.3).message


def test_an_end_of_output_without_an_end_of_the_command_ends_at_the_deadline() -> None:
    async def eof(process: Process) -> None:
        process.stdout.write_eof()
        await asyncio.Event().wait()

    assert "no end of its answer" in caught(Unreachable, eof, 0.3).message


def test_a_connection_that_breaks_is_unreachable() -> None:
    async def drop(process: Process) -> None:
        process.channel.get_connection().abort()

    assert "connection broke" in caught(Unreachable, drop).message


def test_a_failing_command_tells_its_code_and_its_last_words() -> None:
    async def fail(process: Process) -> None:
        process.stdout.write(b"noise\ncannot \x1b[31m do it\n")
        process.exit(3)

    error = caught(NodeFailed, fail)
    assert "(3)" in error.message
    assert "cannot" in error.message
    assert "noise" not in error.message


def test_a_channel_closed_without_an_exit_code_is_a_failure() -> None:
    async def vanish(process: Process) -> None:
        process.close()

    assert "cut off" in caught(NodeFailed, vanish).message


def test_a_killed_command_is_a_failure() -> None:
    async def killed(process: Process) -> None:
        process.exit_with_signal("KILL")

    assert "failed (-9)" in caught(NodeFailed, killed).message


@pytest.mark.parametrize(
    "text",
    [
        b"WARNING: Your password has expired.\nYou must change your password now and login again!\n",
        b"You are required to change your password immediately (administrator enforced).\n",
    ],
)
def test_an_expired_password_is_a_login_refused(text: bytes) -> None:
    async def expired(process: Process) -> None:
        process.stderr.write(text)
        process.exit(1)

    assert "expired" in caught(LoginRefused, expired).message


def test_a_user_without_a_shell_is_a_login_refused() -> None:
    async def nologin(process: Process) -> None:
        process.stdout.write(b"This account is currently not available.\n")
        process.exit(1)

    assert "may not run commands" in caught(LoginRefused, nologin).message

"""One login is one kind of secret, sent once, to a confirmed host key only; the node here is a real SSH server."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from mip_salt.errors import LoginRefused, TrustRefused, Unreachable, UsageError
from mip_salt.ssh import login as login_module
from mip_salt.ssh.asker import Asker
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.login import login
from mip_salt.ssh.refusal import KeyRefused
from mip_salt.ssh.scan import host_key
from mip_salt.ssh.target import Target
from unit.ssh_server import ANOTHER, HOST_KEY, PASSWORD, RSA, enter, meet, refused


@pytest.fixture(autouse=True)
def no_operator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the operator a home of his own, so that his real keys stay out of it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Give an ssh-agent with one key: its socket, and the key's fingerprint."""
    folder = tmp_path_factory.mktemp("a")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mip-salt:brain", "-f", folder / "id"], check=True
    )
    socket = str(folder / "s")
    said = subprocess.run(["ssh-agent", "-a", socket], check=True, capture_output=True, text=True).stdout
    pid = said.split("SSH_AGENT_PID=")[1].split(";")[0]
    subprocess.run(["ssh-add", "-q", folder / "id"], check=True, env={"SSH_AUTH_SOCK": socket, "PATH": "/usr/bin"})
    yield socket, asyncssh.read_public_key(folder / "id.pub").get_fingerprint()
    subprocess.run(["kill", pid], check=True)


class TestPassword:
    def test_the_right_one_is_sent_once_and_as_it_is(self) -> None:
        assert enter(ways={"password": PASSWORD}, password=PASSWORD) == ["user mipadmin", f"password {PASSWORD}"]

    def test_a_wrong_one_is_sent_once_though_the_node_offers_two_ways(self) -> None:
        error, seen = refused(
            LoginRefused, ways={"password": "right", "questions": [[("Password: ", False)]]}, password=PASSWORD
        )
        assert "the password of mipadmin@" in error.message
        assert "was refused" in error.message
        assert seen == ["user mipadmin", f"password {PASSWORD}"]

    def test_it_answers_the_one_hidden_question(self) -> None:
        seen = enter(ways={"questions": [[("Password: ", False)]]}, password=PASSWORD)
        assert seen == ["user mipadmin", f"answer {PASSWORD}"]

    def test_messages_without_a_question_are_passed_over(self) -> None:
        seen = enter(ways={"questions": [[("Password: ", False)], []]}, password=PASSWORD)
        assert f"answer {PASSWORD}" in seen

    def test_a_wrong_answer_is_given_once(self) -> None:
        error, seen = refused(LoginRefused, ways={"questions": [[("Password: ", False)]]}, password="wrong")
        assert "was refused" in error.message
        assert seen == ["user mipadmin", "answer wrong"]

    @pytest.mark.parametrize("question", [[("Login: ", True)], [("Password: ", False), ("Code: ", False)]])
    def test_another_question_is_shown_and_not_answered(self, question: list[tuple[str, bool]]) -> None:
        error, seen = refused(LoginRefused, ways={"questions": [question]}, password=PASSWORD)
        assert "asks for more than a password" in error.message
        assert question[0][0].strip() in error.message
        assert not [line for line in seen if line.startswith("answer")]

    def test_a_demand_for_a_new_one_is_an_expired_password(self) -> None:
        error, _ = refused(
            LoginRefused,
            ways={"questions": [[("Password: ", False)], [("Current password: ", False)]]},
            password=PASSWORD,
        )
        assert "has expired" in error.message

    def test_the_methods_own_demand_for_a_new_one_is_an_expired_password(self) -> None:
        error, _ = refused(LoginRefused, ways={"password": "expired"}, password=PASSWORD)
        assert "has expired" in error.message

    def test_where_no_password_is_taken_what_is_offered_is_said(self) -> None:
        error, seen = refused(LoginRefused, ways={"key": "none"}, password=PASSWORD)
        assert "takes no password; it offers only: publickey" in error.message
        assert seen == ["user mipadmin"]  # one connection, and nothing of the password

    @pytest.mark.parametrize("password", ["", "a\nb", "a\rb", "a\0b"])
    def test_one_that_cannot_be_is_refused_before_any_connection(self, password: str) -> None:
        error, seen = refused(UsageError, ways={"password": password}, password=password)
        assert seen == []
        assert error.exit_code == 2


class TestTrust:
    @pytest.mark.parametrize("host", [ANOTHER, RSA], ids=["same kind", "other kind"])
    @pytest.mark.parametrize("way", ["password", "operator"])
    def test_another_host_key_is_told_nothing(self, host: asyncssh.SSHKey, way: str) -> None:
        secret = {"password": PASSWORD} if way == "password" else {"operator": True}
        error, seen = refused(TrustRefused, host, {"password": PASSWORD}, **secret)
        assert "ANOTHER HOST KEY" in error.message
        assert "nothing was sent" in error.message
        assert seen == []

    def test_the_operators_known_hosts_and_config_do_not_count(self, no_operator: Path) -> None:
        (no_operator / ".ssh").mkdir()
        key = ANOTHER.export_public_key().decode().strip()
        (no_operator / ".ssh/known_hosts").write_text(f"* {key}\n")
        (no_operator / ".ssh/config").write_text("Host *\n  User root\n  StrictHostKeyChecking no\n  Port 1\n")
        _, seen = refused(TrustRefused, ANOTHER, {"password": PASSWORD}, password=PASSWORD)
        assert seen == []
        assert enter(ways={"password": PASSWORD}, password=PASSWORD)[0] == "user mipadmin"

    def test_a_node_that_lets_anybody_in_proves_nothing(self, agent: tuple[str, str]) -> None:
        error, _ = refused(LoginRefused, ways={"open": True}, agent_path=agent[0])
        assert "lets anybody in" in error.message
        assert not isinstance(error, KeyRefused)


class TestIdentity:
    def test_the_agents_key_gets_in(self, agent: tuple[str, str]) -> None:
        assert len(enter(ways={"key": agent[1]}, agent_path=agent[0])) >= 2

    def test_only_the_agents_key_is_offered_and_once(self, agent: tuple[str, str], no_operator: Path) -> None:
        own = no_operator / ".ssh" / "id_ed25519"
        own.parent.mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", own], check=True)
        error, seen = refused(KeyRefused, ways={"key": "none", "password": "x"}, agent_path=agent[0])
        assert "the identity was refused" in error.message
        assert seen == ["user mipadmin", f"key {agent[1][:12]}"]

    def test_no_agent_is_a_locked_vault_and_nobody_is_called(self, tmp_path: Path) -> None:
        error, seen = refused(LoginRefused, ways={"key": "none"}, agent_path=str(tmp_path / "none"))
        assert "the vault is locked" in error.message
        assert "vault unlock" in error.hint
        assert not isinstance(error, KeyRefused)
        assert seen == []

    def test_an_empty_agent_is_a_locked_vault(self, agent: tuple[str, str]) -> None:
        subprocess.run(["ssh-add", "-q", "-D"], check=True, env={"SSH_AUTH_SOCK": agent[0], "PATH": "/usr/bin"})
        error, seen = refused(LoginRefused, ways={"key": "none"}, agent_path=agent[0])
        assert "holds no identity" in error.message
        assert seen == []


class TestOperator:
    def test_the_operators_agent_gets_in(self, agent: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSH_AUTH_SOCK", agent[0])
        seen = enter(ways={"key": agent[1]}, operator=True)
        assert f"key {agent[1][:12]}" in seen

    def test_the_operators_default_key_gets_in(self, no_operator: Path) -> None:
        own = no_operator / ".ssh" / "id_ed25519"
        own.parent.mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", own], check=True)
        offered = asyncssh.read_public_key(f"{own}.pub").get_fingerprint()
        assert f"key {offered[:12]}" in enter(ways={"key": offered}, operator=True)

    def test_without_a_usable_key_what_the_node_offers_is_said(self) -> None:
        error, seen = refused(LoginRefused, ways={"password": "x", "key": "none"}, operator=True)
        assert seen == ["user mipadmin"]
        assert "your own SSH keys" in error.message
        assert "publickey, password" in error.message


@pytest.mark.parametrize("secret", [{}, {"password": "a", "operator": True}, {"password": "a", "agent_path": "b"}])
def test_a_login_takes_exactly_one_kind_of_secret(secret: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        asyncio.run(login(Target("wk1", "127.0.0.1"), [], **secret))


def test_a_closed_port_is_unreachable() -> None:
    key = HostKey(*HOST_KEY.export_public_key().decode().split()[:2])
    with pytest.raises(Unreachable, match="connection refused"):
        asyncio.run(login(Target("wk1", "127.0.0.1", 1), [key], password="x"))


# --- how long it may take ----------------------------------------------------------------------------------------


def test_a_machine_that_takes_no_connection_is_given_up_long_before_a_slow_login_would_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_up: list[str] = []

    async def connect(*_: Any, **__: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append("")

    async def use(target: Target) -> None:
        with pytest.raises(Unreachable, match="no answer in time"):
            await login(target, [host_key(HOST_KEY)], password=PASSWORD, timeout=1e6)

    monkeypatch.setattr(login_module, "CONNECT_SECONDS", 0.01)
    monkeypatch.setattr(asyncssh, "connect", connect)
    meet(use)
    assert given_up == [""]


def test_one_that_takes_it_may_be_slow_with_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_module, "CONNECT_SECONDS", 0)
    monkeypatch.setattr(Asker, "connected", True)
    assert enter(ways={"password": PASSWORD}, password=PASSWORD)[-1] == f"password {PASSWORD}"

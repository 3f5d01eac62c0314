"""The system's ssh is run within bounds; a script stands in for it here, because a real one needs a node."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mip_salt.errors import Damaged, LoginRefused, NodeFailed, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.node_ids import Role
from mip_salt.ssh.facts import Facts
from mip_salt.ssh.openssh import check

FEDERATION = Federation(federation="brain", nodes={"wk1": Node(role=Role.WORKER, address="10.0.0.2")})
ANSWER = f"MIP2\\nwk1\\n{'a' * 32}\\nnopasswd\\nx86_64\\n2\\n1024\\n3.11.2\\nDebian\\nend\\n"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Facts]:
    """Give a check whose ssh is a script."""

    def asked(script: str, seconds: float = 5.0) -> Facts:
        (tmp_path / "ssh").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return asyncio.run(check(Folder(tmp_path / "brain"), FEDERATION, "wk1", seconds))

    return asked


def test_facts_come_back(ask: Callable[..., Facts]) -> None:
    assert ask(f"printf '{ANSWER}'").hostname == "wk1"


def test_noise_on_stderr_does_not_matter(ask: Callable[..., Facts]) -> None:
    assert ask(f"echo Permission denied >&2; printf '{ANSWER}'").hostname == "wk1"


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_flood_on_either_stream_ends_at_once(ask: Callable[..., Facts], stream: str) -> None:
    before = time.monotonic()
    with pytest.raises(Unreachable, match="more than 65536 bytes"):
        ask(f"exec yes >&{stream}", 30)
    assert time.monotonic() - before < 5


def test_a_hang_ends_with_all_that_ssh_started(ask: Callable[..., Facts], tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"no end of its answer in 0\.5 s"):
        ask(f"sleep 61.25 & echo $! > {tmp_path}/child; wait", 0.5)
    child = (tmp_path / "child").read_text().strip()
    stat = subprocess.run(["ps", "-o", "stat=", "-p", child], capture_output=True, text=True).stdout.strip()
    assert stat in ("", "Z")


def test_a_missing_ssh_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Damaged) as caught:
        asyncio.run(check(Folder(tmp_path / "brain"), FEDERATION, "wk1", 5))
    assert "openssh-client" in caught.value.hint


def test_another_answer_is_refused_with_the_command_that_shows_it(ask: Callable[..., Facts]) -> None:
    with pytest.raises(TrustRefused) as caught:
        ask("echo hello")
    assert caught.value.command.endswith("/brain && salt-ssh -r wk1 'uname -n'")


def test_a_failing_command_is_the_nodes(ask: Callable[..., Facts]) -> None:
    with pytest.raises(NodeFailed, match="no such file"):
        ask("echo sh: no such file >&2; exit 127")


def test_a_refused_login_is_told(ask: Callable[..., Facts]) -> None:
    with pytest.raises(LoginRefused, match="it takes: publickey"):
        ask("echo 'mipadmin@10.0.0.2: Permission denied (publickey).' >&2; exit 255")


def test_no_agent_and_no_askpass_of_the_operators_reach_ssh(
    ask: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/somewhere")
    monkeypatch.setenv("SSH_ASKPASS", "/somewhere")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    with pytest.raises(NodeFailed, match="none none none"):
        ask("echo ${SSH_AUTH_SOCK:-none} ${SSH_ASKPASS:-none} ${SSH_ASKPASS_REQUIRE:-none}; exit 1")

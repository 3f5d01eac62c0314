"""The check by the system's ssh, of real Debian nodes that were enrolled; each test has a user of its own there."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator

import pytest
from integration.hosts import (
    USER,
    Host,
    contact,
    federation,
    shell,
)
from mip_salt.errors import LoginRefused, MipError, NodeFailed, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.ssh import openssh, pins
from mip_salt.ssh.hostkeys import HostKey
from waiting import until

pytestmark = pytest.mark.lab


class TestCheckBySystemSsh:
    @pytest.fixture
    def ready(self, host: Host, folder: Folder) -> Iterator[Host]:
        """Give a host that is enrolled and pinned, by an sshd that can be exchanged."""
        with host.sshd() as other:
            keys = other.scan()
            contact(folder, other, keys)
            pins.pin(folder.known_hosts, "wk1", keys)
            yield other

    def refused(self, kind: type[MipError], folder: Folder, host: Host, seconds: float = 20) -> MipError:
        with pytest.raises(kind) as caught:
            asyncio.run(openssh.check(folder, federation(host), "wk1", seconds))
        assert caught.value.node == "wk1"
        assert "ssh-keygen" not in caught.value.message + caught.value.hint
        return caught.value

    def test_the_confirmed_machine_passes(self, ready: Host, folder: Folder) -> None:
        facts = asyncio.run(openssh.check(folder, federation(ready), "wk1", 20))
        assert facts.sudo == "nopasswd"
        known = federation(ready, hostname=facts.hostname, machine_id=facts.machine_id).nodes["wk1"]
        openssh.same_machine("wk1", known, facts)

    def test_a_changed_host_key_is_refused_and_shown(self, ready: Host, folder: Folder) -> None:
        kind = b"ssh-ed25519"
        pins.pin(folder.known_hosts, "wk1", [HostKey(kind.decode(), "AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43)])
        error = self.refused(TrustRefused, folder, ready)
        assert ready.node.host_key in error.message
        assert "node trust wk1" in error.hint

    def test_a_lost_pin_is_refused(self, ready: Host, folder: Folder) -> None:
        pins.unpin(folder.known_hosts, "wk1")
        assert "never confirmed" in self.refused(TrustRefused, folder, ready).message

    def test_a_removed_key_is_a_login_refused(self, ready: Host, folder: Folder) -> None:
        ready.sh(f"rm /home/{USER}/.ssh/authorized_keys")
        assert "identity was refused" in self.refused(LoginRefused, folder, ready).message

    def test_a_locked_vault_asks_nothing(self, ready: Host, folder: Folder) -> None:
        folder.agent_socket.unlink()
        assert "vault unlock" in self.refused(LoginRefused, folder, ready).hint

    def test_an_expired_password_is_named(self, ready: Host, folder: Folder) -> None:
        ready.sh(f"chage -d 0 {USER}")
        assert "has expired" in self.refused(LoginRefused, folder, ready).message

    def test_a_stopped_sshd_is_unreachable(self, ready: Host, folder: Folder) -> None:
        ready.sh(f"kill $(cat /run/mip-test-{ready.port}.pid)")
        assert until(lambda: not ready.sh(f"ss -Hltn sport = :{ready.port}"))
        error = self.refused(Unreachable, folder, ready)
        assert "connection refused" in error.message

    def test_a_hanging_node_ends_at_the_deadline_with_its_ssh(self, ready: Host, folder: Folder) -> None:
        shell(ready, "exec sleep 600")
        before = time.monotonic()
        assert "no end of its answer" in self.refused(Unreachable, folder, ready, 2).message
        assert time.monotonic() - before < 6
        mine = subprocess.run(["pgrep", "-f", str(folder.known_hosts)], capture_output=True, text=True).stdout
        assert mine == ""

    def test_an_endless_answer_is_cut(self, ready: Host, folder: Folder) -> None:
        shell(ready, "exec yes")
        assert "more than 65536 bytes" in self.refused(Unreachable, folder, ready).message

    def test_a_lying_login_shell_is_the_nodes_failure(self, ready: Host, folder: Folder) -> None:
        shell(ready, "echo Host key verification failed. >&2; exit 3")
        error = self.refused(NodeFailed, folder, ready)
        assert not isinstance(error, TrustRefused)
        assert error.exit_code == NodeFailed.exit_code

    def test_another_name_than_a_name_is_refused(self, ready: Host, folder: Folder) -> None:
        shell(ready, "echo MIP2; echo wk1; echo more; exit 0")
        assert "something else than its name" in self.refused(TrustRefused, folder, ready).message

"""First contact with real Debian nodes: real sshd, PAM and sudo; each test has a user of its own there."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest
from integration.hosts import (
    PASSWORD,
    USER,
    Host,
    agent,
    contact,
)
from mip_salt.errors import LoginRefused, MipError, NodeFailed, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.node_ids import Role
from mip_salt.ssh import openssh, pins
from mip_salt.ssh.channel import run
from mip_salt.ssh.first_contact import Contact, enrol
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.login import session, tunnel
from mip_salt.ssh.scan import Target, scan

pytestmark = pytest.mark.lab

ODD = [
    "pa ss'\"$[]\\\\#:%é", "012345", "yes", "x" * 100, " leading", "trailing ", "-n", "$(reboot)", "`id`", "{{ 1+1 }}",
    "😀€", "e\u0301", "tab\there", "!!", "******",
]  # fmt: skip


class TestScan:
    def test_all_host_keys_are_the_nodes_own(self, host: Host) -> None:
        found = {key.fingerprint for key in host.scan()}
        said = host.sh("for k in ed25519 ecdsa rsa; do ssh-keygen -lf /etc/ssh/ssh_host_${k}_key.pub; done")
        assert found == {line.split()[1] for line in said.splitlines()}
        assert host.node.host_key in found

    def test_a_link_local_ipv6_address_works(self, host: Host, folder: Folder) -> None:
        route = json.loads(subprocess.check_output(["ip", "-j", "route", "get", host.node.address]))
        local = host.sh("ip -6 -o addr show scope link").split("inet6 ")[1].split("/")[0]
        target = Target("wk1", f"{local}%{route[0]['dev']}", host.port, USER)
        assert asyncio.run(scan(target)) == host.scan()

        async def main() -> bytes:
            async with session(target, await scan(target), password=PASSWORD) as conn:
                return await run(conn, "wk1", "id -un")

        assert asyncio.run(main()) == f"{USER}\n".encode()


class TestEnrol:
    def test_a_new_node_gets_identity_and_sudo_with_one_question(self, host: Host, folder: Folder) -> None:
        asked: list[int] = []
        found = contact(folder, host, host.scan(), asked=asked)
        assert (found.installed, found.sudo, found.facts.sudo) == (True, "installed", "nopasswd")
        assert found.facts.hostname == host.node.hostname
        assert found.facts.machine_id == host.sh("cat /etc/machine-id").strip()
        assert len(asked) == 1
        line = host.sh(f"cat /home/{USER}/.ssh/authorized_keys")
        assert line == f"restrict,pty {folder.identity_public.read_text('utf-8')}"
        assert host.sh(f"stat -c '%a %U' /home/{USER}/.ssh /home/{USER}/.ssh/authorized_keys").split("\n")[:2] == [
            f"700 {USER}",
            f"600 {USER}",
        ]
        assert host.sh("stat -c '%a %U' /etc/sudoers.d/mip-salt").strip() == "440 root"
        assert host.sh(f"su {USER} -c 'sudo -kn id -u'").strip() == "0"

    def test_a_second_time_asks_nothing_and_changes_nothing(self, host: Host, folder: Folder) -> None:
        keys = host.scan()
        contact(folder, host, keys)
        stat = f"stat -c '%i %Y' /home/{USER}/.ssh/authorized_keys /etc/sudoers.d/mip-salt"
        before, asked = host.sh(stat), list[int]()
        found = contact(folder, host, keys, asked=asked)
        assert (found.installed, found.sudo, asked) == (False, "nopasswd", [])
        assert host.sh(stat) == before

    @pytest.mark.parametrize("password", ODD)
    def test_odd_passwords_work_for_login_and_sudo(self, host: Host, folder: Folder, password: str) -> None:
        host.set_password(password)
        assert contact(folder, host, host.scan(), password).sudo == "installed"

    @pytest.mark.parametrize("password", ODD[:3])
    def test_odd_passwords_work_where_only_questions_are_asked(self, host: Host, folder: Folder, password: str) -> None:
        host.set_password(password)
        with host.sshd(PasswordAuthentication="no", ChallengeResponseAuthentication="yes") as other:
            assert contact(folder, other, other.scan(), password).sudo == "installed"

    def test_foreign_keys_of_the_user_stay(self, host: Host, folder: Folder) -> None:
        foreign = "# mine\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPHPo+kFtt4o0XrYDTGxJxLqVkUIyRlsV2SAo0SHNR5z me"
        home = f"/home/{USER}/.ssh"
        host.sh(f"install -d -m 700 -o {USER} {home}; printf '{foreign}' > {home}/authorized_keys")
        host.sh(f"chown {USER} {home}/authorized_keys; chmod 640 {home}/authorized_keys")
        contact(folder, host, host.scan())
        assert host.sh(f"cat {home}/authorized_keys").startswith(foreign + "\nrestrict,pty ssh-ed25519")
        assert host.sh(f"stat -c %a {home}/authorized_keys").strip() == "640"

    def test_the_operators_own_key_opens_a_node_without_passwords(
        self, host: Host, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own = folder.path.parent / "own"
        host.sh(f"echo '{USER} ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/mip-salt; chmod 440 /etc/sudoers.d/mip-salt")
        with (
            agent(own.with_suffix(".sock"), own, "me"),
            host.sshd(PasswordAuthentication="no", ChallengeResponseAuthentication="no") as other,
        ):
            public = own.with_suffix(".pub").read_text().strip()
            host.sh(
                f"install -d -m 700 -o {USER} /home/{USER}/.ssh; echo '{public}' > /home/{USER}/.ssh/authorized_keys"
            )
            host.sh(f"chown {USER} /home/{USER}/.ssh/authorized_keys")
            monkeypatch.setenv("SSH_AUTH_SOCK", str(own.with_suffix(".sock")))
            found = contact(folder, other, other.scan(), None)
        assert (found.installed, found.sudo) == (True, "nopasswd")

    def test_behind_a_bastion_everything_goes_through_it(self, host: Host, folder: Folder) -> None:
        # The second sshd listens where only the bastion itself gets to.
        keys = host.scan()
        contact(folder, host, keys)
        socket = str(folder.agent_socket)

        async def main(port: int) -> tuple[list[HostKey], Contact]:
            behind = Target("wk2", "127.0.0.1", port, USER)
            async with tunnel(host.target, keys, agent_path=socket) as via:
                found = await scan(behind, via=via)
                public = folder.identity_public.read_text("utf-8")
                return found, await enrol(
                    behind, found, agent_path=socket, public_key=public, password=lambda: None, via=via, progress=print
                )

        host.sh("rm -f /run/mip-behind*; ssh-keygen -q -t ed25519 -N '' -f /run/mip-behind")
        with host.sshd(ListenAddress="127.0.0.1", key="/run/mip-behind") as hidden:
            found, one = asyncio.run(main(hidden.port))
            assert one.facts.hostname == host.node.hostname
            pins.pin(folder.known_hosts, "ms", keys)
            pins.pin(folder.known_hosts, "wk1", found)
            nodes = {
                "ms": Node(role=Role.MASTER, address=host.node.address, port=host.port, user=USER),
                "wk1": Node(role=Role.WORKER, address="127.0.0.1", port=hidden.port, user=USER, bastion="ms"),
            }
            both = Federation(federation="brain", nodes=nodes)
            assert asyncio.run(openssh.check(folder, both, "wk1", 20)) == one.facts
            pins.pin(folder.known_hosts, "ms", found)
            with pytest.raises(TrustRefused, match="its bastion ms"):
                asyncio.run(openssh.check(folder, both, "wk1", 20))
        with pytest.raises(Unreachable, match="through its bastion: connection refused"):
            asyncio.run(main(hidden.port))


class TestRefusals:
    def refused(self, kind: type[MipError], folder: Folder, host: Host, **more: Any) -> MipError:
        with pytest.raises(kind) as caught:
            contact(folder, host, host.scan(), **more)
        error = caught.value
        assert error.node == "wk1"
        assert PASSWORD not in str(error) + error.hint + error.command
        return error

    def test_a_wrong_password_is_one_failure_on_the_node(self, host: Host, folder: Folder) -> None:
        with host.sshd(ChallengeResponseAuthentication="yes") as other:
            error = self.refused(LoginRefused, folder, other, password="wrong")
            assert "was refused" in error.message
            assert other.log().count("Failed password") == 1
            assert other.log().count("Failed ") == 1

    def test_another_host_key_after_the_scan_is_told_nothing(self, host: Host, folder: Folder) -> None:
        with host.sshd() as first:
            keys = first.scan()
        host.sh("rm -f /run/mip-other*; ssh-keygen -q -t ed25519 -N '' -f /run/mip-other")
        with host.sshd(key="/run/mip-other", LogLevel="DEBUG1") as second:
            with pytest.raises(TrustRefused, match=r"ANOTHER HOST KEY.*nothing was sent"):
                contact(folder, second, keys)
            assert USER not in second.log()
            assert "password" not in second.log()

    @pytest.mark.parametrize("way", ["PasswordAuthentication", "ChallengeResponseAuthentication"])
    def test_an_expired_password_is_named(self, host: Host, folder: Folder, way: str) -> None:
        host.sh(f"chage -d 0 {USER}")
        ways = {"PasswordAuthentication": "no", "ChallengeResponseAuthentication": "no", way: "yes"}
        with host.sshd(**ways) as other:
            assert "has expired" in self.refused(LoginRefused, folder, other).message

    def test_an_expired_account_is_named(self, host: Host, folder: Folder) -> None:
        host.sh(f"chage -E 1 {USER}")
        assert "locked or expired" in self.refused(LoginRefused, folder, host).hint

    def test_no_password_login_says_what_there_is(self, host: Host, folder: Folder) -> None:
        with host.sshd(PasswordAuthentication="no", ChallengeResponseAuthentication="no") as other:
            assert "offers only: publickey" in self.refused(LoginRefused, folder, other).message
            assert "offers only: publickey" in self.refused(LoginRefused, folder, other, password=None).message
            assert "Failed password" not in other.log()

    def test_without_the_right_to_sudo_the_key_stays_and_that_is_said(self, host: Host, folder: Folder) -> None:
        host.sh(f"gpasswd -d {USER} sudo")
        error = self.refused(LoginRefused, folder, host)
        assert "may not use sudo" in error.message
        assert "key stays" in error.hint
        assert "mip-salt:brain" in host.sh(f"cat /home/{USER}/.ssh/authorized_keys")

    def test_sudo_that_wants_another_password_is_told_after_one_try(self, host: Host, folder: Folder) -> None:
        host.sh("echo 'Defaults:tester rootpw' > /etc/sudoers.d/mip-test; chmod 440 /etc/sudoers.d/mip-test")
        try:
            assert "sudo refused the password" in self.refused(LoginRefused, folder, host).message
        finally:
            host.sh("rm -f /etc/sudoers.d/mip-test")

    def test_a_later_rule_that_still_asks_is_told(self, host: Host, folder: Folder) -> None:
        host.sh(f"echo '{USER} ALL=(ALL) ALL' > /etc/sudoers.d/zz-mip-test; chmod 440 /etc/sudoers.d/zz-mip-test")
        try:
            error = self.refused(LoginRefused, folder, host)
            assert "still asks" in error.message
        finally:
            host.sh("rm -f /etc/sudoers.d/zz-mip-test")

    def test_without_a_password_sudo_is_left_to_the_operator(self, host: Host, folder: Folder) -> None:
        keys = host.scan()
        contact(folder, host, keys)
        host.sh(f"sed -i '/^{USER} /d' /etc/sudoers.d/mip-salt")
        error = self.refused(LoginRefused, folder, host, password=None)
        assert "none was given" in error.message
        assert f"{USER} ALL=(root) NOPASSWD: ALL" in error.hint

    def test_keys_read_from_elsewhere_are_told(self, host: Host, folder: Folder) -> None:
        with host.sshd(AuthorizedKeysFile="/etc/ssh/keys/%%u") as other:
            error = self.refused(LoginRefused, folder, other)
        assert "sshd does not take it" in error.message
        assert "AuthorizedKeysFile" in error.hint

    def test_a_read_only_file_is_left_alone(self, host: Host, folder: Folder) -> None:
        home = f"/home/{USER}/.ssh"
        host.sh(f"install -d -m 700 -o {USER} {home}; echo '# mine' > {home}/authorized_keys")
        host.sh(f"chown {USER} {home}/authorized_keys; chmod 400 {home}/authorized_keys")
        assert "read-only" in self.refused(LoginRefused, folder, host).message
        assert host.sh(f"cat {home}/authorized_keys") == "# mine\n"

    def test_a_full_disk_keeps_the_old_file(self, host: Host, folder: Folder) -> None:
        home = f"/home/{USER}/.ssh"
        host.sh(
            f"install -d -m 700 -o {USER} {home}; mount -t tmpfs -o size=8k,mode=700,uid=$(id -u {USER}) none {home}"
        )
        try:
            host.sh(f"echo '# mine' > {home}/authorized_keys; chown {USER} {home}/authorized_keys")
            host.sh(f"dd if=/dev/zero of={home}/fill bs=1k", check=False)
            assert "could not be installed" in self.refused(LoginRefused, folder, host).message
            assert host.sh(f"cat {home}/authorized_keys; ls {home}") == "# mine\nauthorized_keys\nfill\n"
        finally:
            host.sh(f"umount -l {home}")

    def test_a_node_without_python_is_told(self, host: Host, folder: Folder) -> None:
        host.sh("mv /usr/bin/python3 /usr/bin/python3.away")
        try:
            error = self.refused(NodeFailed, folder, host)
        finally:
            host.sh("mv /usr/bin/python3.away /usr/bin/python3")
        assert "apt-get install -y python3" in error.hint

    def test_a_user_without_a_shell_is_told(self, host: Host, folder: Folder) -> None:
        host.sh(f"usermod -s /usr/sbin/nologin {USER}")
        assert "may not run commands" in self.refused(LoginRefused, folder, host).message

"""What ssh says on stderr becomes one error with the right exit code; the texts are those of OpenSSH 9.2."""

from __future__ import annotations

from pathlib import Path

import pytest
from mip_salt.errors import LoginRefused, NodeFailed, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation, Node
from mip_salt.federation.node_ids import Role
from mip_salt.ssh.facts import Facts
from mip_salt.ssh.openssh import same_machine
from mip_salt.ssh.tried import Tried
from mip_salt.ssh.verdict import verdict

OFFERED = "SHA256:zmAQh20I83neRDWmHAWRCg8yzVMSjMxKozronfxMXu0"
CHANGED = f"""@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Someone could be eavesdropping on you right now (man-in-the-middle attack)!
It is also possible that a host key has just been changed.
The fingerprint for the ED25519 key sent by the remote host is
{OFFERED}.
Please contact your system administrator.
Add correct host key in /opt/brain/known_hosts to get rid of this message.
Offending ED25519 key in /opt/brain/known_hosts:1
  remove with:
  ssh-keygen -f "/opt/brain/known_hosts" -R "{{alias}}"
Host key for {{alias}} has changed and you have requested strict checking.
Host key verification failed.
"""


def seen(name: str = "wk1") -> Tried:
    nodes = {
        "ms": Node(role=Role.MASTER, address="10.0.0.1"),
        "wk1": Node(role=Role.WORKER, address="10.0.0.2", port=2222),
        "wk2": Node(role=Role.WORKER, address="10.0.0.3", bastion="ms"),
    }
    return Tried(Folder(Path("/opt/brain")), Federation(federation="brain", nodes=nodes), name, "ssh wk1")


def test_a_changed_host_key_is_refused_with_both_causes_and_the_one_repair() -> None:
    error = verdict(seen(), CHANGED.format(alias="wk1").encode())
    assert isinstance(error, TrustRefused)
    assert OFFERED in error.message
    assert "nothing was sent" in error.message
    assert "stand between" in error.hint
    assert "reinstalled" in error.hint
    assert "mip-salt -f brain node trust wk1 --host-key SHA256:" in error.hint
    assert error.command == "ssh wk1"


def test_sshs_own_advice_is_never_repeated() -> None:
    error = verdict(seen(), CHANGED.format(alias="wk1").encode())
    assert "ssh-keygen" not in error.message + error.hint


def test_a_host_key_that_was_never_confirmed_is_refused() -> None:
    said = (
        b"No ED25519 host key is known for wk1 and you have requested strict checking.\nHost key verification failed.\n"
    )
    error = verdict(seen(), said)
    assert isinstance(error, TrustRefused)
    assert "never confirmed" in error.message


def test_a_node_without_the_confirmed_kind_of_key_is_refused() -> None:
    said = b"Unable to negotiate with 10.0.0.2 port 2222: no matching host key type found. Their offer: ssh-rsa\n"
    assert isinstance(verdict(seen(), said), TrustRefused)


def test_the_bastion_is_named_if_its_key_changed() -> None:
    error = verdict(seen("wk2"), CHANGED.format(alias="ms").encode() + b"Connection closed by UNKNOWN port 65535\n")
    assert "its bastion ms" in error.message
    assert "node trust ms" in error.hint
    assert error.node == "wk2"


def test_a_refused_identity_tells_what_the_node_takes() -> None:
    error = verdict(seen(), b"mipadmin@10.0.0.2: Permission denied (publickey,password).\n")
    assert isinstance(error, LoginRefused)
    assert error.message == "the identity was refused by mipadmin@10.0.0.2; it takes: publickey, password"
    assert "vault unlock" in error.hint


def test_a_bastion_that_refuses_is_named() -> None:
    error = verdict(
        seen("wk2"), b"mipadmin@10.0.0.1: Permission denied (publickey).\nConnection closed by UNKNOWN port 65535\n"
    )
    assert isinstance(error, LoginRefused)
    assert "its bastion" in error.message


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("ssh: connect to host 10.0.0.2 port 2222: Connection refused", "connection refused"),
        ("ssh: connect to host 10.0.0.2 port 2222: No route to host", "no route"),
        ("ssh: connect to host 10.0.0.2 port 2222: Network is unreachable", "no route"),
        ("ssh: connect to host 10.0.0.2 port 2222: Connection timed out", "no answer"),
        ("Connection timed out during banner exchange\nConnection to 10.0.0.2 port 2222 timed out", "no answer"),
        ("ssh: Could not resolve hostname wk1.x: Name or service not known", "could not be resolved"),
        ("kex_exchange_identification: Connection closed by remote host", "closed the connection"),
        ("kex_exchange_identification: read: Connection reset by peer", "closed the connection"),
        ("channel 0: open failed: administratively prohibited: open failed", "does not forward"),
        ("Connection closed by 10.0.0.2 port 2222", "closed the connection"),
        ("something new", "something new"),
        ("", "without a word"),
    ],
)
def test_every_way_of_not_being_reachable_is_told_apart(said: str, why: str) -> None:
    error = verdict(seen(), said.encode())
    assert isinstance(error, Unreachable)
    assert why in error.message


def test_an_expired_password_is_named() -> None:
    said = b"WARNING: Your password has expired.\nYou must change your password now and login again!\n"
    error = verdict(seen(), said, 1)
    assert isinstance(error, LoginRefused)
    assert "has expired" in error.message


@pytest.mark.parametrize("said", [b"sudo: a password is required\n", b"\x1b[2Jmipadmin is not in the sudoers file.\n"])
def test_a_user_who_may_not_become_root_is_a_refused_login_and_how_it_is_mended_is_told(said: bytes) -> None:
    error = verdict(seen(), said, 1)
    assert isinstance(error, LoginRefused)
    assert error.message.startswith("it does not let mipadmin become root: ")
    assert error.message.isprintable()
    assert "mip-salt -f brain configure --node wk1" in error.hint
    assert error.command == "mip-salt -f brain ssh wk1 sudo -n true"


def test_sudo_on_the_way_to_a_node_says_nothing_of_the_node() -> None:
    assert isinstance(verdict(seen(), b"sudo: a password is required\n"), Unreachable)


def test_a_failing_command_is_the_nodes_failure_and_its_text_is_inert() -> None:
    error = verdict(seen(), b"\x1b[2Jmipadmin@10.0.0.2: Permission denied (publickey).\n", 1)
    assert isinstance(error, NodeFailed)
    assert error.message.isprintable()


FACTS = Facts("brain-wk1", "a" * 32, "nopasswd", "x86_64", 2, 1024, "3.11.2", "Debian")


@pytest.mark.parametrize("known", [{}, {"hostname": "brain-wk1"}, {"hostname": "brain-wk1", "machine_id": "a" * 32}])
def test_the_confirmed_machine_passes(known: dict[str, str]) -> None:
    node = Node(role=Role.WORKER, address="10.0.0.2", **known)
    assert same_machine("wk1", node, FACTS) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("known", "shown", "remedy"),
    [
        (
            {"hostname": "brain-wk2", "machine_id": "a" * 32},
            "hostname: confirmed brain-wk2, now brain-wk1",
            "node rename wk1 brain-wk1",
        ),
        (
            {"hostname": "brain-wk1", "machine_id": "b" * 32},
            f"machine-id: confirmed {'b' * 32}, now {'a' * 32}",
            "node trust wk1 --host-key",
        ),
        ({"hostname": "brain-wk2", "machine_id": "b" * 32}, "now brain-wk1", "node trust wk1 --host-key"),
    ],
)
def test_another_machine_is_refused_both_are_shown_and_how_it_is_followed(
    known: dict[str, str], shown: str, remedy: str
) -> None:
    node = Node(role=Role.WORKER, address="10.0.0.2", **known)
    with pytest.raises(TrustRefused) as caught:
        same_machine("wk1", node, FACTS, federation="brain")
    assert shown in caught.value.message
    assert f"mip-salt -f brain {remedy}" in caught.value.hint

"""A command that only looks has an ssh-agent of its own, and holds neither the federation nor the vault."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mip_salt.errors import Busy, LoginRefused
from mip_salt.federation.lock import locked
from mip_salt.vault import session
from mip_salt.vault.keyring import Vault
from mip_salt.vault.private_agent import identity_agent, lock
from vaults import PASSPHRASE, Answers, Nobody


def keys_in(agent_socket):
    env = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(agent_socket)}
    return subprocess.run(["ssh-add", "-L"], env=env, capture_output=True, text=True).stdout.split()[:2]


def identity_of(folder):
    return folder.identity_public.read_text().split()[:2]


def agents_of(folder):
    lines = subprocess.run(["ps", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if "ssh-agent -a" in line and str(folder.path) in line and not line.startswith("Z")]


def wait_until(what, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_holds_the_identity_and_nothing_else_is_held(brain):
    with identity_agent(brain, Answers(), "status") as agent_socket:
        assert keys_in(agent_socket) == identity_of(brain)
        assert not Vault(brain).unlocked()
        assert not brain.agent_socket.exists()
        with locked(brain, "apply"):
            pass
    assert not agent_socket.exists()
    wait_until(lambda: not agents_of(brain))


def test_another_command_may_open_and_close_the_vault_meanwhile(brain):
    with identity_agent(brain, Answers(), "ssh wk1") as agent_socket:
        with session.open_session(brain, Answers()):
            pass
        assert keys_in(agent_socket) == identity_of(brain)


def test_a_lock_of_the_operators_takes_the_identity_from_it_and_lets_the_command_go_on(brain):
    with identity_agent(brain, Answers(), "logs") as agent_socket:
        lock(brain)
        assert agent_socket.is_socket()
        assert keys_in(agent_socket) != identity_of(brain)


def test_a_lock_does_not_mind_an_agent_that_has_ended(brain):
    (brain.run / "agent.1").touch()
    lock(brain)
    assert not Vault(brain).unlocked()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_ends_however_the_command_ends(brain, error):
    with pytest.raises(error), identity_agent(brain, Answers(), "status"):
        raise error
    wait_until(lambda: not agents_of(brain))


def test_it_ends_with_a_command_that_is_killed(brain):
    code = """
import sys
sys.path.insert(0, sys.argv[2])
from mip_salt.federation.folder import Folder
from mip_salt.vault.private_agent import identity_agent, lock
from vaults import Answers
from pathlib import Path
with identity_agent(Folder(Path(sys.argv[1])), Answers(), "status"):
    print("ready", flush=True)
    sys.stdin.read()
"""
    call = [sys.executable, "-c", code, str(brain.path), str(Path(__file__).parents[1])]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        assert agents_of(brain)
        process.kill()
    wait_until(lambda: not agents_of(brain))


def test_after_an_unlock_it_is_the_federations_own_agent_so_that_a_lock_ends_it(brain):
    session.unlock_for_good(brain, Answers())
    with identity_agent(brain, Nobody(), "status") as agent_socket:
        assert agent_socket == brain.agent_socket
        assert keys_in(agent_socket) == identity_of(brain)
    assert Vault(brain).unlocked()


def test_while_another_command_has_the_vault_open_nothing_is_asked(brain):
    with locked(brain, "apply"), session.open_session(brain, Answers()):
        with identity_agent(brain, Nobody(), "status") as agent_socket:
            assert agent_socket != brain.agent_socket
            assert keys_in(agent_socket) == identity_of(brain)
        assert Vault(brain).unlocked()
        assert keys_in(brain.agent_socket) == identity_of(brain)


def test_while_another_command_holds_a_locked_federation_it_is_busy(brain):
    with locked(brain, "configure"), pytest.raises(Busy, match="configure"), identity_agent(brain, Nobody(), "status"):
        pass


def test_a_wrong_passphrase_opens_nothing(brain):
    with pytest.raises(LoginRefused), identity_agent(brain, Answers("wrong"), "status"):
        pass
    assert not agents_of(brain)


def test_no_secret_is_in_its_arguments_or_environment(brain):
    with identity_agent(brain, Answers(), "status"):
        for place in Path("/proc").glob("[0-9]*"):
            try:
                seen = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
            except OSError:
                continue
            if str(brain.run).encode() in seen[0]:
                assert PASSPHRASE.encode() not in seen[0] + seen[1]

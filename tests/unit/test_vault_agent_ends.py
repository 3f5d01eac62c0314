"""The vault's gpg-agent has ended when it is said to have: one that is ending takes the next gpg, and fails it."""

import contextlib
import os
import shutil
import subprocess
import time

import pytest
from mip_salt.errors import Damaged
from mip_salt.process_stat import stat
from mip_salt.vault import gpg
from mip_salt.vault.gpg import agent, kill_agent
from mip_salt.vault.keyring import Vault
from vaults import PASSPHRASE, entry_of


@pytest.fixture
def slow_to_end(brain, monkeypatch):
    """Start a process that ends some time after it was told to, as an agent does on a busy machine.

    Stands for gpg-agent, which cannot be made slow: sleep under that name, and a gpg-connect-agent that tells its pid.
    """

    @contextlib.contextmanager
    def started(name="gpg-agent", seconds="0.5"):
        bin_ = brain.path / "bin"
        bin_.mkdir()
        shutil.copy(shutil.which("sleep"), bin_ / name)
        with subprocess.Popen([bin_ / name, seconds]) as process:
            told = bin_ / "gpg-connect-agent"
            told.write_text(f"#!/bin/sh\necho D {process.pid}; echo OK; echo OK closing connection\n")
            told.chmod(0o700)
            with monkeypatch.context() as patch:
                patch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
                yield process
            process.kill()

    return started


def test_it_is_waited_for(brain, slow_to_end):
    with slow_to_end() as process:
        assert stat(process.pid).state != "Z"
        kill_agent(brain.gnupg)
        assert stat(process.pid).state == "Z"


def test_another_program_that_has_its_number_now_is_not_waited_for(brain, slow_to_end):
    with slow_to_end(name="other", seconds="60") as process:
        kill_agent(brain.gnupg)
        assert process.poll() is None


def test_one_that_never_ends_is_damage(brain, slow_to_end, monkeypatch):
    monkeypatch.setattr(gpg, "SECONDS", 0.2)
    with slow_to_end(seconds="60"), pytest.raises(Damaged, match=r"the gpg-agent of .* does not answer"):
        kill_agent(brain.gnupg)


def test_the_real_one_is_gone_at_once(brain):
    Vault(brain).unlock(PASSPHRASE)
    pid = int(agent(brain.gnupg, "GETINFO pid").split()[1])
    began = time.monotonic()
    kill_agent(brain.gnupg)
    assert not gpg._runs(pid)
    assert time.monotonic() - began < gpg.SECONDS
    assert agent(brain.gnupg, "GETINFO pid") == ""


@pytest.mark.parametrize("number", [0, 1], ids=["one key", "the other key"])
def test_a_key_that_gpg_cannot_use_is_no_wrong_passphrase(brain, number):
    key = sorted((brain.gnupg / "private-keys-v1.d").iterdir())[number]
    whole = key.read_bytes()
    key.write_bytes(b"")
    with pytest.raises(Damaged, match=r"could not use the vault's key \(gpg: .*\)") as damaged:
        Vault(brain).unlock(PASSPHRASE)
    assert f"restore {brain.gnupg} from a backup" in damaged.value.hint
    assert not Vault(brain).unlocked()
    key.write_bytes(whole)
    Vault(brain).unlock(PASSPHRASE)
    assert Vault(brain).read("wk1") == entry_of("wk1")

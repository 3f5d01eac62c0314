"""The vault's key has its time: a clock before it, or an expiry date that has passed, is said."""

import subprocess

import pytest
from mip_salt.errors import Damaged
from mip_salt.vault.keyring import Vault
from vaults import PASSPHRASE


class TestTheKeysTime:
    def test_a_clock_before_the_key_is_said(self, brain, monkeypatch):
        import time

        monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)  # this machine's own clock is not ours to set
        with pytest.raises(Damaged, match="clock is before the day"):
            Vault(brain).unlock(PASSPHRASE)

    def test_an_expired_key_is_said_with_the_command_that_mends_it(self, brain):
        vault = Vault(brain)
        vault.unlock(PASSPHRASE)
        call = ["gpg", "--homedir", brain.gnupg, "--batch", "--faked-system-time", "20380101T000000!"]
        day = ["--quick-set-expire", vault.fingerprint, "2038-01-02"]
        subprocess.run([*call, *day], check=True, capture_output=True)
        with (brain.gnupg / "gpg.conf").open("a") as conf:
            conf.write("faked-system-time 20390101T000000\n")
        with pytest.raises(Damaged, match="expiry date, and it has passed") as expired:
            Vault(brain).unlock(PASSPHRASE)
        assert "--quick-set-expire" in expired.value.hint

"""The commands of a handover sheet, run by a machine's own root, give the account that `configure` takes."""

import re
import shlex

import pytest
from integration.federations import FederationUnderTest, wish

pytestmark = pytest.mark.lab
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
KEYS = "cat ~mipguest/.ssh/authorized_keys /etc/sudoers.d/mip-salt"


@pytest.fixture
def begun(root, lab):
    """A federation that has an identity, and no node but its master."""
    federation = FederationUnderTest(root)
    federation.configure({"ms": wish("ms", lab.node("ms"))})
    return federation


@pytest.fixture
def machine(lab):
    """A machine on which nothing is prepared, and its user mipguest does not exist."""
    machine = lab.node("wk1")
    machine.forget()
    yield machine
    machine.run("userdel -rf mipguest; rm -f /etc/sudoers.d/mip-salt", check=False)


def sheet(federation, *words):
    text = federation.cli("node", "handover", "wk1", "--user", "mipguest", *words).stdout
    return BLOCK.findall(text)


def as_root(machine, script, typed=""):
    return machine.run(f"bash -e -c {shlex.quote(script)}", stdin=typed.encode())


def words_of(machine, script):
    """Return what the administrator reads aloud."""
    return " ".join(as_root(machine, script).splitlines()[1:])


def test_by_the_key_in_the_sheet_and_the_words_read_aloud_no_password_is_needed(begun, machine):
    account, host_key, leave = sheet(begun)
    as_root(machine, account)
    before = machine.run(KEYS)
    row = wish("wk1", machine, user="mipguest", password=None, host_key=words_of(machine, host_key))
    done = begun.configure({"wk1": row})
    assert "wk1 is" in done.stderr
    assert machine.run(KEYS) == before, "configure found all in place, and changed nothing"
    assert machine.run("getent shadow mipguest").split(":")[1] == "*"

    as_root(machine, leave)
    assert machine.run("id mipguest; ls -d /var/tmp/.mipguest* /etc/sudoers.d/mip-salt", check=False) == ""
    assert begun.cli("status", "--node", "wk1", check=False).returncode == 4


def test_by_a_password_that_the_administrator_chose(begun, machine):
    account, host_key, _ = sheet(begun, "--password")
    as_root(machine, account, "a good one\n" * 2)
    words = words_of(machine, host_key)
    begun.configure({"wk1": wish("wk1", machine, user="mipguest", password="a good one", host_key=words)})
    assert "mipguest ALL=(root) NOPASSWD: ALL" in machine.run(KEYS)
    machine.run("usermod -p '*' mipguest")
    assert begun.cli("status", "--node", "wk1").returncode == 0
    assert words in " ".join(begun.cli("node", "handover", "wk1").stdout.split()), "its sheet tells them from now on"

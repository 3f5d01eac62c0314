"""Looking after one real node: checked closely, renamed, entered; stopped halfway, and mended."""

import json
import subprocess
import sys

import pexpect
import pytest
from integration.federations import BIN, unlocked

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def brain(lab):
    """A federation of ms and wk1, unlocked; wk1 has its own hostname again afterwards."""
    with unlocked(lab, "ms", "wk1") as federation:
        before = federation.federation.nodes["wk1"].hostname
        try:
            yield federation
        finally:
            federation.cli("node", "rename", "wk1", before, "--yes")


def findings(done):
    (node,) = json.loads(done.stdout)["nodes"]
    return {each["what"]: each for each in node["findings"]}


# --- check -----------------------------------------------------------------------------------------------------


def test_a_check_goes_from_the_network_to_the_engine(brain):
    done = brain.cli("node", "check", "wk1", "--json", check=False)
    found = findings(done)
    first = ["reachable", "host key", "login", "machine", "hostname", "sudo", "python3"]
    assert list(found)[: len(first)] == first
    assert {found[what]["level"] for what in first} == {"ok"}
    assert {"disk /", "disk /var/tmp", "disk /data/brain", "clock", "time sync", "engine"} <= set(found)
    assert found["clock"]["level"] == "ok"
    assert done.returncode == (7 if "fail" in {each["level"] for each in found.values()} else 0)


def test_a_check_of_a_node_without_sshd_says_so_and_asks_nothing_more(brain, lab):
    node = lab.node("wk1")
    node.run("systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh.service")
    try:
        done = brain.cli("node", "check", "wk1", "--json", check=False)
    finally:
        node.run("systemctl start ssh.service")
    assert done.returncode == 5
    assert [(what, each["level"]) for what, each in findings(done).items()] == [("reachable", "fail")]
    assert findings(done)["reachable"]["remedy"]


def test_a_check_of_another_machine_says_which(brain, lab):
    node = lab.node("wk1")
    before = node.run("cat /etc/machine-id").strip()
    node.run(f"echo {'f' * 32} > /etc/machine-id")
    try:
        done = brain.cli("node", "check", "wk1", check=False)
    finally:
        node.run(f"echo {before} > /etc/machine-id")
    assert done.returncode == 3
    *well, machine = [line for line in done.stdout.splitlines() if line[0] in "✔✘"]
    assert [line.split()[0] for line in well] == ["✔"] * 3
    assert machine.startswith("✘ machine")
    assert f"now {'f' * 32}" in done.stdout


# --- rename ----------------------------------------------------------------------------------------------------


def test_a_renamed_machine_is_still_the_confirmed_one(brain, lab):
    done = brain.cli("node", "rename", "wk1", "brain-new", "--yes")
    assert "→ brain-new" in done.stderr
    assert lab.node("wk1").run("uname -n; cat /etc/hostname").split() == ["brain-new"] * 2
    assert brain.federation.nodes["wk1"].hostname == "brain-new"
    assert "brain-new" in brain.folder.roster.read_text()
    assert brain.cli("status", "--node", "brain-new").returncode == 0
    assert brain.salt_ssh("wk1", "test.ping").returncode == 0, "the signed entry and the roster follow"
    assert "already" in brain.cli("node", "rename", "wk1", "brain-new").stderr


def test_a_run_that_is_killed_between_machine_and_record_is_finished_by_the_next(brain, lab):
    code = """
import os, sys
import mip_salt.workflows.rename as rename
rename.record = lambda *_: os.kill(os.getpid(), 9)  # the moment: it has the name, and nothing is written down
from mip_salt.main import main
main()
"""
    words = ["-f", brain.name, "node", "rename", "wk1", "brain-half", "--yes"]
    killed = subprocess.run([sys.executable, "-c", code, *words], env=brain.environ, capture_output=True, timeout=120)
    assert killed.returncode == -9
    assert lab.node("wk1").run("uname -n").strip() == "brain-half"
    refused = brain.cli("status", "--node", "wk1", check=False)
    assert refused.returncode == 3
    assert "node rename wk1 brain-half" in refused.stderr
    brain.cli("node", "rename", "wk1", "brain-half")
    assert brain.federation.nodes["wk1"].hostname == "brain-half"
    assert brain.cli("status", "--node", "wk1").returncode == 0
    assert brain.salt_ssh("wk1", "test.ping").returncode == 0


def test_a_machine_is_never_renamed_without_a_yes_nor_to_anothers_name(brain, lab):
    before = lab.node("wk1").run("uname -n")
    taken = brain.federation.nodes["ms"].hostname
    assert brain.cli("node", "rename", "wk1", "other", check=False).returncode == 2
    assert brain.cli("node", "rename", "wk1", taken, "--yes", check=False).returncode == 2
    assert lab.node("wk1").run("uname -n") == before


# --- ssh -------------------------------------------------------------------------------------------------------


def test_a_command_runs_there_with_its_exit_code_and_its_streams(brain):
    done = brain.cli("ssh", "wk1", "cat; echo oh >&2; exit 42", check=False, stdin=None, input="hello")
    assert (done.returncode, done.stdout) == (42, "hello")
    assert done.stderr.strip() == "oh"


def test_a_shell_has_a_terminal_and_keeps_nobody_waiting(brain):
    shell = pexpect.spawn(
        str(BIN / "mip-salt"), ["-f", brain.name, "ssh", "wk1"], env=brain.environ, encoding="utf-8", timeout=30
    )
    shell.expect(r"\$ ")
    shell.sendline("test -t 0 && echo a-$(id -un)-b")
    shell.expect("a-mipadmin-b")
    assert brain.cli("node", "disable", "ms").returncode == 0, "another command may hold the federation meanwhile"
    brain.cli("node", "enable", "ms")
    shell.sendline("exit 3")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 3


def test_another_user_is_asked_for_a_password_and_the_vault_for_nothing(brain, lab):
    environ = {key: value for key, value in brain.environ.items() if key != "MIP_SALT_VAULT_PASSPHRASE"}
    words = ["-f", brain.name, "--no-input", "ssh", "--as", "mipadmin", "wk1", "id -un; exit 4"]
    shell = pexpect.spawn(str(BIN / "mip-salt"), words, env=environ, encoding="utf-8", timeout=30)
    shell.expect("assword: ?")
    shell.sendline(lab.node("wk1").password)
    shell.expect("mipadmin")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 4


def test_a_machine_with_another_host_key_is_not_entered(brain, lab):
    kept = brain.folder.known_hosts.read_text()
    ms = next(line.split()[2] for line in kept.splitlines() if line.startswith("ms ") and "ed25519" in line)
    other = [f"wk1 ssh-ed25519 {ms}" if line.startswith("wk1 ") else line for line in kept.splitlines()]
    brain.folder.known_hosts.write_text("\n".join(dict.fromkeys(other)) + "\n")
    try:
        done = brain.cli("ssh", "wk1", "true", check=False)
        words = ["-f", brain.name, "ssh", "--as", "mipadmin", "wk1", "true"]
        shell = pexpect.spawn(str(BIN / "mip-salt"), words, env=brain.environ, encoding="utf-8", timeout=30)
        shell.expect(pexpect.EOF)  # no password is asked for
        shell.close()
    finally:
        brain.folder.known_hosts.write_text(kept)
    assert done.returncode == 3
    assert "is not the confirmed one" in done.stderr
    assert shell.exitstatus == 255
    assert "assword" not in shell.before

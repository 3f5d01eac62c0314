"""What must hold whatever happens: killed at any write, two at once, and no secret in clear anywhere."""

import json
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from integration.federations import BIN, FederationUnderTest, feed, wish

pytestmark = pytest.mark.lab

# Runs mip-salt and dies, as by a power cut, right before or after its n-th change of a file's name.
KILLED = """
import os, pathlib, signal, sys
left = int(sys.argv.pop(1))
before = sys.argv.pop(1) == "before"
def dying(change):
    def changed(*args, **more):
        global left
        left -= 1
        if left == 0 and before: os.kill(os.getpid(), signal.SIGKILL)
        result = change(*args, **more)
        if left == 0: os.kill(os.getpid(), signal.SIGKILL)
        return result
    return changed
for name in ("replace", "unlink", "mkdir"):
    setattr(pathlib.Path, name, dying(getattr(pathlib.Path, name)))
from mip_salt.main import main
sys.argv[0] = "mip-salt"
main()
"""


def killed_at(federation, number, when, nodes):
    """Run configure to its n-th write; say whether it was killed there."""
    call = [
        sys.executable,
        "-c",
        KILLED,
        str(number),
        when,
        "-f",
        federation.name,
        "configure",
        "--from",
        "-",
        "--no-input",
    ]
    done = subprocess.run(
        call, capture_output=True, text=True, env=federation.environ, timeout=120, **{**feed(nodes), "stdin": None}
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == -signal.SIGKILL


def test_killed_between_any_two_writes_it_goes_on_where_it_was(root, lab):
    nodes = {"wk1": wish("wk1", lab.node("wk1"))}
    lab.node("wk1").forget()

    def survives(number):
        """Kill configure at its n-th write and run it again; say whether it had so many writes."""
        federation = FederationUnderTest(root, f"f{number}")
        if not killed_at(federation, number, "after" if number % 2 else "before", nodes):
            return False
        again = federation.configure(nodes, "--json")  # ends with a login by the system's ssh, as raw salt-ssh does
        assert [row["hostname"] for row in json.loads(again.stdout)["nodes"]] == [lab.node("wk1").hostname]
        assert not list(federation.folder.path.rglob(".mip-*")), f"write {number}"
        return True

    writes = 0
    with ThreadPoolExecutor(4) as pool:
        while all(pool.map(survives, range(writes + 1, writes + 9))):
            writes += 8
    assert writes > 20


def test_of_two_commands_at_once_the_second_is_told_who_is_at_work(root, lab):
    federation = FederationUnderTest(root)
    federation.configure({"wk1": wish("wk1", lab.node("wk1"))})
    call = [str(BIN / "mip-salt"), "-f", "brain", "apply"]
    first = subprocess.Popen(call, env=federation.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert "working" in first.stderr.readline()
    second = federation.cli("apply", check=False)
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert second.returncode == 6
    assert f"pid {first.pid} (apply)" in second.stderr


class Watcher(threading.Thread):
    """Samples argv and environment of every process of this machine, the nodes' among them."""

    def __init__(self, secrets):
        super().__init__(daemon=True)
        self.secrets, self.found, self.samples, self.stop = secrets, set(), 0, threading.Event()

    def run(self):
        while not self.stop.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for part in ("cmdline", "environ"):
                    try:
                        data = (process / part).read_bytes()
                    except OSError:
                        continue
                    self.samples += 1
                    self.found |= {(part, data[:200]) for secret in self.secrets if secret in data}


def test_no_secret_is_ever_in_clear(root, lab, tmp_path):
    """Passwords in a file, the passphrase in a file: what the test itself holds does not count, all else does.

    The passphrase is that of no test beside this one.
    """
    federation = FederationUnderTest(root, passphrase="looked for in all processes 1815")
    nodes = {name: wish(name, lab.node(name)) for name in ("ms", "wk1")}
    for name in nodes:
        lab.node(name).forget()
    value = "a-value-for-wk1-only"
    secrets = [federation.passphrase.encode(), value.encode(), *(row["password"].encode() for row in nodes.values())]
    (tmp_path / "nodes.yaml").write_text(yaml.safe_dump({"nodes": nodes}))
    (tmp_path / "passphrase").write_text(federation.passphrase)
    (tmp_path / "passphrase").chmod(0o600)
    env = {k: v for k, v in federation.environ.items() if k != "MIP_SALT_VAULT_PASSPHRASE"}
    common = ["--vault-passphrase-file", str(tmp_path / "passphrase"), "--no-input"]
    watcher = Watcher(secrets)
    watcher.start()
    federation.cli("configure", "--from", str(tmp_path / "nodes.yaml"), *common, env=env)
    federation.cli("vault", "set", "wk1", "pillar.db.password", "-", *common, env=env, stdin=None, input=value)
    federation.cli("apply", *common, env=env)
    federation.cli("status", *common, env=env)
    watcher.stop.set()
    watcher.join()
    assert watcher.samples > 1000
    assert not watcher.found
    private = None
    for path in (p for p in federation.folder.path.rglob("*") if p.is_file()):
        data = path.read_bytes()
        for secret in secrets:
            assert secret not in data, path
        private = private or (path if b"BEGIN OPENSSH PRIVATE KEY" in data else None)
    assert private == federation.folder.identity
    assert subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", str(private)], capture_output=True).returncode != 0
    for name in nodes:
        left = lab.node(name).run(
            "grep -rlaE 'a-value-for-wk1-only' /var/tmp /tmp /home /root /run /dev/shm /var/lib 2>/dev/null || true"
        )
        assert left == ""
        packed = lab.node(name).run("find /var/tmp /tmp -name salt_state.tgz -o -name pillar.json")
        assert packed == ""
    agents = [p for p in Path("/proc").glob("[0-9]*") if str(federation.folder.path).encode() in _cmdline(p)]
    assert not agents


def _cmdline(process):
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_raw_salt_ssh_works_unlocked_and_sends_nothing_locked(root, lab):
    federation = FederationUnderTest(root)
    federation.configure({name: wish(name, lab.node(name)) for name in ("ms", "wk1")})
    federation.cli("vault", "unlock")
    ping = federation.salt_ssh("*", "test.ping", "--out=json", "--static")
    assert json.loads(ping.stdout) == {"ms": True, "wk1": True}
    assert federation.salt_ssh("ms", "state.apply").returncode == 0
    assert lab.node("wk1").hostname in federation.salt_ssh("-r", "wk1", "hostname").stdout
    pillar = json.loads(federation.salt_ssh("wk1", "pillar.items", "--out=json", "--static").stdout)["wk1"]
    assert sorted(pillar["mip"]["peers"]) == ["ms"]
    assert federation.federation.nodes["ms"].machine_id not in json.dumps(pillar)
    federation.cli("vault", "lock")
    log = "journalctl -q -t sshd -t sshd-session --no-pager | wc -l"
    before = lab.node("wk1").run(log)
    for words in (("*", "test.ping"), ("-r", "wk1", "hostname"), ("wk1", "state.apply")):
        locked = federation.salt_ssh(*words)
        assert locked.returncode != 0
        assert "vault unlock" in locked.stderr
    assert lab.node("wk1").run(log) == before


def test_raw_salt_ssh_refuses_another_machine_at_the_address(root, lab):
    """The machine's host key is the confirmed one, its machine-id is not: a clone, or a disk moved."""
    federation = FederationUnderTest(root)
    node = lab.node("wk1")
    federation.configure({"wk1": wish("wk1", node)})
    federation.cli("vault", "unlock")
    machine = node.run("cat /etc/machine-id").strip()
    try:
        node.run("echo 0123456789abcdef0123456789abcdef > /etc/machine-id")
        for words in (("wk1", "test.ping"), ("-r", "wk1", "id"), ("wk1", "state.apply")):
            done = federation.salt_ssh(*words)
            assert done.returncode != 0
            assert "not the confirmed machine" in done.stdout + done.stderr
            assert "uid=" not in done.stdout
        status = federation.cli("status", "--json", check=False)
        assert status.returncode == 3
        assert federation.cli("apply", check=False).returncode == 3
    finally:
        node.run(f"echo {machine} > /etc/machine-id")
        federation.cli("vault", "lock")

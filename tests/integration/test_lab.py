"""The lab on this machine: it survives what a killed run leaves, and leaves nothing itself. These tests run last."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mip_salt.errors import Busy, NodeFailed, Unreachable, UsageError
from mip_salt.federation.nodes_file import parse_nodes_file
from mip_salt.lab import network
from mip_salt.lab.base import discard_all
from mip_salt.lab.cgroups import host_has_systemd, make_groups
from mip_salt.lab.disk import mounted_under
from mip_salt.lab.lab import IDS, Lab
from mip_salt.lab.nodes_file import as_yaml
from mip_salt.lab.processes import running
from waiting import until

pytestmark = pytest.mark.lab


def up(lab: Lab) -> dict[str, int]:
    """Bring the lab up as the session has it; return its pids by machine name."""
    lab.up(name="test")
    return pids()


def pids() -> dict[str, int]:
    return {found.machine: found.pid for found in running()}


def reaches(source, target) -> bool:
    command = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{target.address}/22 && head -c 4 <&3'"
    return source.run(command, check=False) == "SSH-"


def traces(folder: Path) -> dict[str, Any]:
    """Return all that a lab leaves on this machine."""

    def rules(tables: str) -> list[str]:
        listed = subprocess.run([tables, "-w", "-S", "FORWARD"], capture_output=True, text=True).stdout
        return [rule for rule in listed.splitlines() if network.BRIDGE in rule]

    return {
        "processes": pids(),
        "mounts": mounted_under(folder),
        "links": [name for _, name in socket.if_nameindex() if name.startswith("miplab")],
        "namespaces": [path.name for path in network.NAMESPACES.glob("miplab*")],
        "rules": [*rules("iptables"), *rules("ip6tables")],
        # Not deeper: a lab in a container has its own further down, and what is left of it there is not ours.
        "cgroups": [str(path) for depth in ("", "*/") for path in Path("/sys/fs/cgroup").glob(f"{depth}miplab-*")],
        "folder": folder.exists(),
        "lock": Path("/run/mip-salt-lab.lock").exists(),
    }


NOTHING = {
    "processes": {},
    "mounts": [],
    "links": [],
    "namespaces": [],
    "rules": [],
    "cgroups": [],
    "folder": False,
    "lock": False,
}


def test_up_leaves_nodes_that_run_as_they_are(lab):
    before = up(lab)
    assert sorted(before) == sorted(f"miplab-{node}" for node in IDS)
    assert up(lab) == before


def test_every_node_is_a_machine_of_its_own(lab):
    up(lab)
    for said in ("cat /etc/machine-id", "hostname", "cat /etc/ssh/ssh_host_ed25519_key.pub", "cat /etc/shadow"):
        assert len({node.run(said) for node in lab.nodes()}) == len(IDS), said
    assert len({node.password for node in lab.nodes()}) == len(IDS)
    assert [node.run("hostname").strip() for node in lab.nodes()] == [f"test-{node}" for node in IDS]


def test_a_node_has_booted_without_a_failed_unit(lab):
    up(lab)
    assert {node.run("systemctl is-system-running --wait", check=False).strip() for node in lab.nodes()} == {"running"}


def test_the_host_key_that_is_told_is_the_one_that_sshd_shows(lab):
    up(lab)
    node = lab.node("ms")
    for address in filter(None, (node.address, node.address6)):
        scanned = subprocess.run(["ssh-keyscan", "-T", "5", "-t", "ed25519", address], capture_output=True, check=True)
        shown = subprocess.run(["ssh-keygen", "-lf", "-"], input=scanned.stdout, capture_output=True, check=True)
        assert node.host_key in shown.stdout.decode()


def test_the_nodes_file_is_what_configure_takes(lab):
    up(lab)
    wished = parse_nodes_file(as_yaml(lab.nodes()), "lab").nodes
    assert list(wished) == list(IDS)
    node = lab.node("wk1")
    assert (wished["wk1"].address, wished["wk1"].host_key) == (node.address, node.host_key)
    assert wished["wk1"].password
    assert wished["wk1"].password.get_secret_value() == node.password


def test_secrets_are_root_s_alone(lab):
    up(lab)
    assert lab.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in lab.folder.glob("nodes/*/node.json")} == {0o600}


def test_run_says_what_failed_and_what_did_not_end(lab):
    up(lab)
    node = lab.node("ui")
    assert node.run("cat", stdin=b"given") == "given"
    with pytest.raises(NodeFailed, match="exited with 3: no such luck"):
        node.run("echo no such luck >&2; exit 3")
    with pytest.raises(Unreachable, match="did not end"):
        node.run("sleep 60", timeout=0.2)


def test_a_cut_node_is_alone_until_it_is_healed(lab):
    up(lab)
    cut, other = lab.node("wk1"), lab.node("wk2")
    assert reaches(other, cut)
    cut.cut()
    assert not reaches(other, cut)
    cut.heal()
    assert reaches(other, cut)


def test_nothing_that_a_node_sends_leaves_the_machine(lab):
    """A node that makes this machine its router gets no further than the bridge."""
    up(lab)
    node = lab.node("wk1")
    assert "default" not in node.run("ip route; ip -6 route")
    inside = {
        f"-i {network.BRIDGE} ! -o {network.BRIDGE} -j DROP",
        f"-i {network.BRIDGE} -o {network.BRIDGE} -j ACCEPT",
    }
    assert {rule.removeprefix("-A FORWARD ") for rule in traces(lab.folder)["rules"]} == inside  # type: ignore[attr-defined]


def test_a_stopped_node_starts_with_its_disk_and_address(lab):
    up(lab)
    node = lab.node("wk2")
    node.run("echo kept > /root/kept")
    node.stop()
    assert not node.up
    with pytest.raises(Unreachable, match="is off"):
        node.run("true")
    node.start()
    assert node.run("cat /root/kept") == "kept\n"
    assert reaches(lab.node("ms"), node)


def test_a_reset_node_is_another_machine_at_the_same_address(lab):
    up(lab)
    old = lab.node("wk2")
    machine_id = old.run("cat /etc/machine-id; touch /root/mine")
    new = old.reset()
    assert (new.address, new.hostname, new.password) == (old.address, old.hostname, old.password)
    assert new.host_key != old.host_key
    assert new.run("cat /etc/machine-id; ls /root") != machine_id
    assert "mine" not in new.run("ls /root")
    assert lab.node("wk2").host_key == new.host_key


def test_a_forgotten_node_keeps_nothing_of_ours(lab):
    up(lab)
    node = lab.node("wk1")
    ours = "/home/mipadmin/.ssh /var/tmp/.mipadmin_1_salt /etc/sudoers.d/mip-salt"
    node.run(f"rm -rf {ours}; mkdir -p {ours}")
    node.forget()
    assert node.run(f"ls -d {ours} 2>/dev/null", check=False) == ""


def test_a_killed_machine_is_booted_again(lab):
    before = up(lab)
    os.kill(before["miplab-wk1"], signal.SIGKILL)
    assert until(lambda: not lab.node("wk1").up)
    after = up(lab)
    assert after.pop("miplab-wk1") != before.pop("miplab-wk1")
    assert after == before
    assert lab.node("wk1").run("systemctl is-system-running --wait", check=False) == "running\n"


def test_a_lost_bridge_and_a_lost_cable_are_mended(lab):
    before = up(lab)
    subprocess.run(["ip", "link", "delete", network.BRIDGE], check=True)
    subprocess.run(["ip", "link", "delete", "miplab-wk1"], check=True)
    after = up(lab)
    assert reaches(lab.node("ms"), lab.node("wk1"))
    assert {name for name in before if after[name] != before[name]} == {"miplab-wk1"}


def test_a_half_made_disk_is_made_anew(lab):
    up(lab)
    node = lab.node("wk2")
    node.stop()
    (node.machine.folder / "node.json").unlink()
    up(lab)
    assert lab.node("wk2").host_key != node.host_key


def test_a_lab_of_another_kind_is_refused_and_this_one_left(lab):
    before = up(lab)
    with pytest.raises(UsageError, match="another name"):
        lab.up(name="other")
    assert pids() == before


def test_a_second_lab_is_refused_and_its_down_ends_nothing(lab, tmp_path):
    before = up(lab)
    second = Lab(tmp_path / "second", lab.cache)
    with pytest.raises(Busy, match=str(lab.folder)):
        second.up()
    second.down()
    assert pids() == before
    assert reaches(lab.node("ms"), lab.node("ui"))


def test_a_base_that_machines_run_on_is_not_removed(lab):
    up(lab)
    with pytest.raises(Busy, match="in use"):
        discard_all(lab.cache)
    assert lab.node("ms").run("ls /bin/sh") == "/bin/sh\n"


def test_down_leaves_nothing(lab):
    up(lab)
    lab.down()
    assert traces(lab.folder) == NOTHING
    assert lab.cache.is_dir()
    lab.down()
    assert traces(lab.folder) == NOTHING


@pytest.mark.skipif(host_has_systemd(), reason="systemd has a machine's cgroup in its keeping here")
def test_down_takes_away_what_a_killed_lab_of_more_nodes_left(lab):
    lab.down()
    left = make_groups("miplab-wk9")
    assert left
    lab.down()
    assert not any(group.exists() for group in left)


def test_a_killed_up_leaves_nothing_that_the_next_one_cannot_use(lab):
    lab.down()
    script = f"from mip_salt.lab.lab import *; Lab(Path({str(lab.folder)!r}), Path({str(lab.cache)!r})).up(name='test')"
    with subprocess.Popen([sys.executable, "-c", script]) as killed:
        assert until(lambda: bool(running()), 30)
        killed.kill()
    up(lab)
    assert sorted(pids()) == sorted(f"miplab-{node}" for node in IDS)
    assert all(reaches(lab.node("ms"), lab.node(node)) for node in IDS)
    lab.down()
    assert traces(lab.folder) == NOTHING

"""The preflight between real nodes: a firewall is found in the very direction that it shuts, and nothing is left."""

import json
import os
import signal
import subprocess

import pytest
from integration.federations import BIN
from waiting import until

pytestmark = pytest.mark.lab
NODES = ("ms", "ui", "wk1", "wk2")
LEFT = "pgrep -a python3; ip netns; ip xfrm state; ls /tmp /var/tmp | grep -i mip"
PORTS = "ss -Hltnup | grep -E ':(2377|7946|4789|9090|8090) ' || true"


def checked(federation, *words):
    done = federation.cli("check", "--json", *words, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def shut(told):
    return {(way["from"], way["to"], way["way"]) for way in told["ways"] if way["level"] == "fail"}


def left(lab):
    """What a probe would leave: a listener, a process, a network namespace, a file."""
    found = {}
    for name in NODES:
        node = lab.node(name)
        said = node.run(
            PORTS + "; pgrep -a python3; ip netns; ip xfrm state; ls /tmp /var/tmp | grep -i mip", check=False
        )
        found[name] = said.strip()
    return {name: said for name, said in found.items() if said}


def test_a_dropped_port_is_found_in_its_own_direction_and_no_other(federation, lab):
    node, ms = lab.node("wk1"), lab.node("ms").address
    rule = f"INPUT -p udp --dport 7946 -s {ms} -j DROP"
    node.run(f"iptables -I {rule}")
    try:
        code, told = checked(federation)
        shown = federation.cli("check", check=False).stdout
    finally:
        node.run(f"iptables -D {rule}")
    assert shut(told) == {("ms", "wk1", "7946/udp")}
    assert code == 7
    assert "✘ ms → wk1: 7946/udp: nothing arrives" in shown
    assert max(map(len, shown.partition("\n\n")[0].splitlines())) <= 80
    assert left(lab) == {}


def test_encryption_that_does_not_pass_is_found_though_it_has_no_port(federation, lab):
    node = lab.node("wk2")
    node.run("iptables -I OUTPUT -p esp -j DROP")
    try:
        _, told = checked(federation, "--node", "wk2")
    finally:
        node.run("iptables -D OUTPUT -p esp -j DROP")
    assert shut(told) == {("wk2", "ms", "ESP"), ("wk2", "wk1", "ESP")}
    assert {way["kind"] for way in told["ways"] if way["level"] == "fail"} == {"own-firewall"}


def test_a_kernel_is_told_as_it_is(federation, lab):
    """Whatever kernel this runs on: what the check says is what the kernel does."""
    _, told = checked(federation, "--node", "wk1")
    (node,) = [row for row in told["nodes"] if row["id"] == "wk1"]
    fails = " ".join(
        found["said"] for found in node["findings"] if (found["what"], found["level"]) == ("kernel", "fail")
    )
    state = "src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x100 mode transport"
    cipher = f"aead 'rfc4106(gcm(aes))' 0x{'00' * 20} 64"
    can = lab.node("wk1").run(f"unshare -n ip xfrm state add {state} {cipher} && echo yes || echo no", check=False)
    assert ("no ESP" in fails) is (can.split()[-1] == "no")


def test_a_port_that_a_service_holds_is_reached_and_its_holder_named(federation, lab):
    node = lab.node("ms")
    node.run("systemd-run -q --unit holder python3 -m http.server 9090")
    assert until(lambda: "python3" in node.run("ss -Hltnp sport = :9090"))
    try:
        code, told = checked(federation, "--node", "ui")
        (whole,) = [row for row in checked(federation, "--node", "ms")[1]["nodes"] if row["id"] == "ms"]
    finally:
        node.run("systemctl stop holder")
    (way,) = told["ways"]
    assert (way["from"], way["to"], way["level"], way["held"]) == ("ui", "ms", "ok", "python3")
    assert code == 0
    assert "9090/tcp is held by python3" in [found["said"] for found in whole["findings"]]


def test_a_node_that_does_not_answer_leaves_its_ways_unknown_and_the_others_are_tried(federation, lab):
    node = lab.node("wk2")
    node.cut()
    try:
        _, told = checked(federation)
    finally:
        node.heal()
    kinds = {(way["from"], way["to"]): set() for way in told["ways"]}
    for way in told["ways"]:
        kinds[way["from"], way["to"]].add(way["kind"])
    assert kinds["ms", "wk1"] == {"open"}
    assert kinds["ms", "wk2"] == kinds["wk2", "ms"] == {"not-tried"}
    assert {row["id"]: row["kind"] for row in told["nodes"]}["wk2"] == "unreachable"


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_check_that_is_stopped_or_killed(federation, lab, with_signal):
    node = lab.node("wk1")
    node.run("iptables -I INPUT -p udp --dport 7946 -j DROP")  # so that a round takes its whole time
    call = [str(BIN / "mip-salt"), "-f", federation.name, "check"]
    try:
        with subprocess.Popen(
            call, env=federation.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as check:
            listening = until(lambda: "python3" in node.run("ss -Hltnp sport = :7946"), 60)
            os.kill(check.pid, with_signal)
            check.wait(30)
    finally:
        node.run("iptables -D INPUT -p udp --dport 7946 -j DROP")
    assert listening
    assert until(lambda: left(lab) == {}), left(lab)

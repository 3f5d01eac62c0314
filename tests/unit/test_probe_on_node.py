"""The program that runs on the nodes, as it is sent: it hears and sends on this machine, and leaves nothing."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mip_salt.federation.model import Node
from mip_salt.remote.oldest import OLDEST
from mip_salt.ssh.node.probe import FRONT, MAGIC
from mip_salt.ssh.probe import FILES, Arrived, Ready, Said, Sent, parse
from mip_salt.ssh.program import FIRST, NODE, script_of, sent
from waiting import until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has raw sockets, as on the nodes")
RUN = "ab" * 8


class Running:
    """One probe, started as ssh starts it."""

    def __init__(self, listen: list[list[Any]], free: list[list[Any]], seconds: int) -> None:
        order = {"run": RUN, "seconds": seconds, "listen": listen, "free": free}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", FIRST], stdin=pipe, stdout=pipe)
        self.write(sent(FILES, order))
        ready = self.said()
        assert isinstance(ready, Ready)
        self.ready = ready

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, protocol: str, port: int, **more: Any) -> str:
        token = secrets.token_hex(16)
        row = {"token": token, "to": "127.0.0.1", "protocol": protocol, "port": port, "speak": True, **more}
        self.write(json.dumps({"send": [row]}).encode() + b"\n")
        return token

    def said(self) -> Said:
        assert self.process.stdout
        return parse(self.process.stdout.readline().removeprefix(b"MIP4 "))

    def hears(self, token: str) -> Arrived:
        """Read until something of a token arrived."""
        while True:
            said = self.said()
            if isinstance(said, Arrived) and said.token == token:
                return said

    def is_told(self, token: str) -> str:
        """Read until what became of a sending is said."""
        while True:
            said = self.said()
            if isinstance(said, Sent) and said.token == token:
                return said.outcome


@contextlib.contextmanager
def probe(*listen: list[Any], free: tuple[list[Any], ...] = (), seconds: int = 30) -> Iterator[Running]:
    running = Running(list(listen), list(free), seconds)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for pipe in (running.process.stdin, running.process.stdout):
            if pipe:
                pipe.close()


@pytest.fixture
def port() -> int:
    """Return a port that is free for both protocols."""
    with socket.socket(type=socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        number: int = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", number))
        return number


@as_root
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_what_is_sent_to_a_free_port_arrives(port: int, protocol: str) -> None:
    with probe([protocol, port]) as node:
        arrived = node.hears(node.send(protocol, port))
        assert arrived.source == "127.0.0.1"
        assert node.ready.held == {}


@as_root
@pytest.mark.parametrize("protocol", ["tcp", "udp", "esp"])
def test_so_it_does_by_ipv6(port: int, protocol: str) -> None:
    with probe(["tcp", port], ["udp", port]) as node:
        assert node.hears(node.send(protocol, port, to="::1")).source == "::1"


@as_root
def test_esp_arrives_which_has_no_port() -> None:
    with probe() as node:
        assert node.hears(node.send("esp", 0)).source == "127.0.0.1"


@as_root
def test_what_holds_a_port_is_named_and_a_datagram_to_it_is_seen_all_the_same(port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as service:
        service.bind(("0.0.0.0", port))
        with probe(["udp", port]) as node:
            assert node.ready.held == {f"{port}/udp": Path("/proc/self/comm").read_text().strip()}
            assert node.hears(node.send("udp", port)).size > 0


@as_root
def test_a_port_that_should_be_free_is_only_looked_at(port: int) -> None:
    with probe(free=(["tcp", port],)) as node:
        assert node.ready.held == {}
        assert node.is_told(node.send("tcp", port)) == "refused"


@as_root
def test_the_largest_of_several_sizes_is_told_as_it_was_on_the_wire(port: int) -> None:
    with probe(["udp", port]) as node:
        token = node.send("udp", port, sizes=[1400, 1500], whole=True)
        assert {node.hears(token).size, node.hears(token).size} == {1400, 1500}


@as_root
def test_a_name_that_does_not_resolve_is_told_at_once() -> None:
    with probe() as node:
        assert node.is_told(node.send("udp", 9, to="nowhere.invalid")) == "unresolved"


@as_root
def test_what_is_not_of_this_run_is_not_told(port: int) -> None:
    with probe(["udp", port]) as node, socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.sendto(FRONT + MAGIC + b"\xcd" * 24, ("127.0.0.1", port))
        token = node.send("udp", port)
        assert isinstance(first := node.said(), Arrived)
        assert first.token == token


@as_root
def test_it_ends_with_its_connection_and_its_ports_are_free_again(port: int) -> None:
    with probe(["tcp", port]) as node:
        assert node.process.stdin
        node.process.stdin.close()
        assert node.process.wait(20) == 0
        with socket.socket() as again:
            again.bind(("0.0.0.0", port))


@as_root
def test_it_ends_by_itself_if_nobody_ends_it() -> None:
    with probe(seconds=1) as node:
        assert until(lambda: node.process.poll() is not None, 20)


@as_root
def test_no_namespace_is_left_of_the_kernels_trial() -> None:
    def namespaces() -> set[str]:
        found = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{pid}/ns/net"))
        return found

    before = namespaces()
    with probe() as node:
        assert set(node.ready.kernel) == {"vxlan", "esp", "ipvs"}
        own = os.readlink(f"/proc/{node.process.pid}/ns/net")
        assert own == os.readlink("/proc/self/ns/net")
    assert not (namespaces() - before) - {own}


@pytest.mark.parametrize("name", ["first", "host", "probe", "engine", "logs"])
def test_it_is_read_by_the_oldest_python_and_needs_no_more_than_it_has(name: str) -> None:
    source = FIRST if name == "first" else (NODE / f"{name}.py").read_text("utf-8")
    tree = ast.parse(source, feature_version=OLDEST)
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in modules} - {"mip_salt"} <= set(sys.stdlib_module_names)
    sent_too = {f"mip_salt.ssh.node.{name}" for name in ("host", "engine")}
    assert {name for name in modules if name.startswith("mip_salt")} <= sent_too


@pytest.mark.parametrize("user", ["root", "mipadmin"])
def test_the_machine_is_checked_first_and_no_shell_finds_anything_to_read(user: str) -> None:
    confirmed = {"role": "worker", "address": "10.0.0.1", "machine_id": "0" * 32, "hostname": "brain-wk1", "user": user}
    script = script_of(Node.model_validate(confirmed))
    assert script.startswith("test `cat /etc/machine-id`.`uname -n` = " + "0" * 32 + ".brain-wk1 || ")
    assert ("sudo -n -- python3" in script) is (user != "root")
    assert not set("\n!") & set(script)

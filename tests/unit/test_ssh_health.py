"""How a machine fares: the script runs in the shells that users have, and what it cannot tell is unknown."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from mip_salt.ssh.facts import parse_facts, shell_command
from mip_salt.ssh.health import ADJTIMEX, SOCKET, Health, health_script, parse_health, split

ANSWER = "MIP3-clock 1790000000.5\nMIP2\nwk1\n{id}\nroot\nx86_64\n2\n1024\n3.11.2\nDebian\nend\nMIP3\n{more}MIP3-end\n"


def health(more: str) -> Health:
    return parse_health(ANSWER.format(id="a" * 32, more=more).encode(), ["/", "/data"])


def run(paths: list[str], shell: str = "sh", tools: Path | None = None) -> bytes:
    """Run the script as sshd does, with the user's shell; tools come before the system's."""
    path = f"{tools}:{os.environ['PATH']}" if tools else os.environ["PATH"]
    call = [shell, "-c", shell_command(health_script(paths))]
    return subprocess.run(call, capture_output=True, env={"PATH": path}, check=True, timeout=30).stdout


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish"])
def test_this_machine_tells_how_it_is_in_any_shell(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    before = time.time()
    raw = run(["/", str(tmp_path)], shell)
    found = parse_health(raw, ["/", str(tmp_path)])
    assert parse_facts(split(raw)[0], "wk1").hostname
    assert found.kernel == platform.release()
    assert found.uptime is not None
    assert found.clock is not None
    assert before - 1 < found.clock < time.time() + 1
    usage = os.statvfs("/")
    assert found.disks["/"].size == pytest.approx(usage.f_blocks * usage.f_frsize // 1024, rel=0.01)
    assert found.disks[str(tmp_path)].there


def test_the_script_holds_nothing_that_a_csh_or_fish_reads_otherwise() -> None:
    script = health_script(["/", "/data/brain"])
    assert not set("!\n") & set(script)
    assert "\\\\" not in script


def test_a_path_that_is_not_made_yet_is_measured_where_it_would_be(tmp_path: Path) -> None:
    path = str(tmp_path / "data" / "brain")
    found = parse_health(run([str(tmp_path), path]), [str(tmp_path), path])
    assert not found.disks[path].there
    assert found.disks[path].size == found.disks[str(tmp_path)].size


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize(("mode", "version"), [(0o666, "1.0"), (0o600, "2.0"), (None, "1.0")])
def test_a_user_who_may_not_use_the_engines_socket_does_not_try(mode: int | None, version: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        tool(folder, "docker", "echo 1.0")
        tool(folder, "sudo", "echo 2.0")
        if mode is not None:
            (folder / "socket").touch()
            (folder / "socket").chmod(mode)
        script = health_script(["/"]).replace(SOCKET, f"{folder}/socket")
        env = {"PATH": f"{folder}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-c", script], capture_output=True, env=env, check=True, timeout=30, user="nobody")
    assert parse_health(done.stdout, ["/"]).engine_version == version


def test_a_file_system_that_hangs_hides_no_other(tmp_path: Path) -> None:
    hung = tmp_path / "hung"
    hung.mkdir()
    tool(tmp_path, "df", f'for last; do [ "$last" = {hung} ] && sleep 30; done; exec {shutil.which("df")} "$@"')
    tool(tmp_path, "timeout", 'shift; exec /usr/bin/timeout 0.5 "$@"')
    paths = ["/", str(hung), "/tmp"]
    assert parse_health(run(paths, tools=tmp_path), paths).disks.keys() == {"/", "/tmp"}


@pytest.mark.parametrize(
    ("docker", "sudo", "active", "engine", "version"),
    [
        ("echo 20.10.24+dfsg1", "exit 1", "exit 3", "running", "20.10.24+dfsg1"),
        ("exit 1", "echo 26.1.5", "exit 3", "running", "26.1.5"),
        ('[ "$1" = --version ] && echo "Docker version 20.10.24, build 1"', "exit 1", "exit 0", "silent", "20.10.24"),
        ('[ "$1" = --version ] && echo "Docker version 20.10.24, build 1"', "exit 1", "exit 3", "stopped", "20.10.24"),
        ("sleep 30", "sleep 30", "exit 0", "silent", None),
    ],
    ids=["the user may ask", "root may ask", "no answer", "stopped", "hangs"],
)
def test_the_engine(docker: str, sudo: str, active: str, engine: str, version: str | None, tmp_path: Path) -> None:
    tool(tmp_path, "docker", docker)
    tool(tmp_path, "sudo", sudo)
    tool(tmp_path, "systemctl", active)
    tool(tmp_path, "timeout", 'shift; exec /usr/bin/timeout 0.5 "$@"')  # the seconds are the script's own choice
    found = parse_health(run(["/"], tools=tmp_path), ["/"])
    assert (found.engine, found.engine_version) == (engine, version)
    assert found.disks


@pytest.mark.parametrize(
    ("perl", "timedatectl", "synced"),
    [
        ("exit 0", "echo no", True),
        ("exit 1", "echo yes", False),
        ("exit 2", "echo yes", True),
        ("exit 127", "echo no", False),
        ("exit 3", "echo no", None),
        ("exit 2", "exit 1", None),
        ("exit 2", "sleep 30", None),
    ],
    ids=[
        "kept",
        "not kept",
        "the kernel is not understood",
        "no perl",
        "the kernel refuses",
        "nobody says",
        "systemd hangs",
    ],
)
def test_whether_the_clock_is_kept(perl: str, timedatectl: str, synced: bool | None, tmp_path: Path) -> None:
    tool(tmp_path, "perl", perl)
    tool(tmp_path, "timedatectl", timedatectl)
    tool(tmp_path, "timeout", 'shift; exec /usr/bin/timeout 0.5 "$@"')
    assert parse_health(run(["/"], tools=tmp_path), ["/"]).synced is synced


@pytest.mark.parametrize("machine", ["mips64", "x86_64"])
def test_a_machine_whose_kernel_is_not_known_is_asked_by_systemd(machine: str, tmp_path: Path) -> None:
    tool(tmp_path, "uname", f"echo {machine}")
    tool(tmp_path, "perl", "exit 1")
    tool(tmp_path, "timedatectl", "echo yes")
    assert parse_health(run(["/"], tools=tmp_path), ["/"]).synced is (machine == "mips64")


@pytest.mark.skipif(platform.machine() not in ADJTIMEX, reason="its number of adjtimex is not known")
def test_the_kernel_is_asked_what_it_knows_of_the_clock() -> None:
    error = adjtimex_max_error()
    if error < 0:
        pytest.skip("adjtimex is not allowed here")
    assert parse_health(run(["/"]), ["/"]).synced is (error < 16_000_000)


def adjtimex_max_error() -> int:
    """Return the kernel's own bound of the clock's error, in microseconds, by the C library; -1 if it won't."""
    timex = (ctypes.c_long * 26)()
    return -1 if ctypes.CDLL(None).adjtimex(timex) < 0 else timex[3]


@pytest.mark.parametrize(
    ("line", "fact", "value"),
    [
        ("kernel 6.1.0-18-amd64", "kernel", "6.1.0-18-amd64"),
        ("kernel $(reboot)", "kernel", None),
        ("uptime 12.5", "uptime", 12.5),
        ("uptime -1", "uptime", None),
        ("uptime 1e99", "uptime", None),
        ("synced yes", "synced", True),
        ("synced no", "synced", False),
        ("synced ", "synced", None),
        ("engine running", "engine", "running"),
        ("engine fine", "engine", None),
        ("docker 20.10.24+dfsg1", "engine_version", "20.10.24+dfsg1"),
        ("docker \x1b[2J", "engine_version", None),
    ],
)
def test_a_fact_is_in_bounds_or_unknown(line: str, fact: str, value: object) -> None:
    assert getattr(health(f"{line}\n"), fact) == value


@pytest.mark.parametrize(
    "line", ["disk / there 100 101", "disk / there 0 0", "disk / gone 9 1", "disk / there 9", "disk / there 9 -1"]
)
def test_a_disk_of_impossible_size_is_unknown(line: str) -> None:
    assert "/" not in health(f"{line}\n").disks


def test_only_the_paths_asked_for_are_told() -> None:
    assert set(health("disk / there 9 1\ndisk /etc there 9 1\ndisk /data absent 9 1\n").disks) == {"/", "/data"}


def test_an_answer_without_health_leaves_all_unknown() -> None:
    assert parse_health(b"hello\n", ["/"]) == Health()

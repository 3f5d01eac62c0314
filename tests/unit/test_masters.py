"""Open connections that commands share: whose they are, where they lie, and when there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.vault import masters

ROWS: dict[str, dict[str, Any]] = {
    "ms": {"role": "master", "address": "10.0.0.1"},
    "wk1": {"role": "worker", "address": "10.0.0.2"},
    "wk2": {"role": "worker", "address": "10.0.0.3", "bastion": "ms"},
}


def federation_of(**changes: Any) -> Federation:
    return Federation.model_validate({"federation": "brain", "nodes": {**ROWS, "wk1": {**ROWS["wk1"], **changes}}})


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """A federation whose vault is held open."""
    place = Path("/tmp") / f"mip-m-{os.getpid()}"
    folder = Folder(place / "brain")
    folder.create()
    folder.known_hosts.write_text("wk1 ssh-ed25519 AAAA\n")
    folder.identity_public.write_text("ssh-ed25519 BBBB\n")
    folder.unlocked.touch()
    monkeypatch.setattr(masters, "alive", lambda _: True)
    yield folder
    subprocess.run(["rm", "-r", str(place)], check=True)


def path_of(folder: Folder, name: str = "wk1", agent: Path | None = None, **changes: Any) -> Path | None:
    return masters.control_path(folder, federation_of(**changes), name, agent=agent)


def listening(path: Path, age: float = 0) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    os.utime(path, (time.time() - age,) * 2)
    return listener


def test_while_the_vault_is_held_open_a_node_has_a_place_for_a_master(folder: Folder) -> None:
    path = path_of(folder)
    assert path
    assert path.parent == folder.masters
    assert masters.options(path)[1::2] == ["ControlMaster=auto", "ControlPersist=60", f"ControlPath={path}"]


def test_openssh_takes_the_options_before_those_of_the_roster(folder: Folder) -> None:
    path = path_of(folder)
    call = ["ssh", "-G", *masters.options(path), "-o", "ControlPath=none", "node"]
    told = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
    assert f"controlpath {path}" in told
    assert "controlmaster auto" in told
    assert "controlpersist 60" in told


def test_the_folder_of_the_sockets_is_the_owners_alone_or_there_is_no_master(folder: Folder) -> None:
    assert path_of(folder)
    assert folder.masters.stat().st_mode & 0o777 == 0o700
    folder.masters.chmod(0o750)
    assert path_of(folder) is None


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    folder.masters.symlink_to(tmp_path)
    assert path_of(folder) is None


def test_a_vault_that_is_not_held_open_has_no_master(folder: Folder) -> None:
    folder.unlocked.unlink()
    assert path_of(folder) is None


def test_an_agent_that_lost_the_identity_has_no_master(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masters, "alive", lambda _: False)
    assert path_of(folder) is None


def test_an_agent_of_a_single_command_makes_no_master(folder: Folder) -> None:
    assert path_of(folder, agent=folder.run / "agent.1") is None
    assert path_of(folder, agent=folder.agent_socket) == path_of(folder)


def test_a_node_behind_a_bastion_has_no_master_and_the_bastion_has(folder: Folder) -> None:
    assert path_of(folder, "wk2") is None
    assert path_of(folder, "ms")


@pytest.mark.parametrize(
    "change", [{"address": "10.0.0.9"}, {"port": 2222}, {"user": "other"}], ids=["address", "port", "user"]
)
def test_a_node_that_is_reached_otherwise_has_another_master(folder: Folder, change: dict[str, Any]) -> None:
    assert path_of(folder) != path_of(folder, **change)


def test_every_node_has_its_own_master(folder: Folder) -> None:
    assert path_of(folder, "ms") != path_of(folder, "wk1")


@pytest.mark.parametrize("name", ["known_hosts", "identity_public"])
def test_other_pins_or_another_identity_make_another_master(folder: Folder, name: str) -> None:
    before = path_of(folder)
    getattr(folder, name).write_text("wk1 ssh-ed25519 CCCC\n")
    assert path_of(folder) not in (None, before)


def test_without_pins_there_is_no_master(folder: Folder) -> None:
    folder.known_hosts.unlink()
    assert path_of(folder) is None


@pytest.mark.parametrize(("length", "fits"), [(70, True), (71, True), (72, False), (80, False)])
def test_a_path_is_as_long_as_ssh_can_bind(length: int, fits: bool) -> None:
    path = "/tmp/" + "x" * (length - 5)
    assert masters.fits(Folder(Path(path))) is fits
    # As ssh does: under its name with a point and sixteen characters more, then renamed.
    longest = f"{path}/run/m/{'x' * masters.DIGEST}.{'y' * 16}"
    assert (len(longest) <= 107) is fits


@pytest.mark.parametrize("name", ["a b", "a%h", "${HOME}", 'a"b', "~a"])
def test_a_path_that_ssh_would_read_otherwise_has_no_master(name: str) -> None:
    assert not masters.fits(Folder(Path("/tmp") / name / "brain"))


def test_a_master_that_was_killed_leaves_no_socket_when_it_is_stopped(folder: Folder) -> None:
    path = path_of(folder)
    assert path
    listening(path).close()
    assert masters.there(path)
    masters.stop([path])
    assert not masters.there(path)


def test_a_master_that_stands_still_is_not_waited_for_long_and_gets_no_more_clients(folder: Folder) -> None:
    path = path_of(folder)
    assert path
    with listening(path):
        before = time.monotonic()
        masters.close(folder)
        assert time.monotonic() - before < masters.STOP_SECONDS + 5
    assert not masters.there(path)


@pytest.mark.parametrize(("age", "fresh", "stays"), [(0, False, True), (601, False, False), (0, True, False)])
def test_a_master_is_used_for_ten_minutes_at_most(folder: Folder, age: float, fresh: bool, stays: bool) -> None:
    path = path_of(folder)
    assert path
    listening(path, age).close()
    masters.options(path, fresh=fresh, prove=False)
    assert masters.there(path) is stays


def test_locking_the_vault_closes_what_is_open(folder: Folder) -> None:
    from mip_salt.vault.session import lock

    path = path_of(folder)
    assert path
    listening(path).close()
    lock(folder)
    assert not masters.there(path)
    assert path_of(folder) is None


def test_many_are_closed_at_once(folder: Folder) -> None:
    assert path_of(folder)
    listeners = [listening(folder.masters / f"n{number}") for number in range(24)]
    before = time.monotonic()
    masters.close(folder)
    assert time.monotonic() - before < masters.STOP_SECONDS + 10
    assert list(folder.masters.iterdir()) == []
    for listener in listeners:
        listener.close()


def test_a_master_that_does_not_answer_is_stopped_before_it_is_used(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(folder)
    assert path
    script = tmp_path / "ssh"
    script.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/called\ncase "$*" in *dead*) exit 255;; esac\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    dead = folder.masters / "dead"
    listeners = [listening(path), listening(dead)]
    for _ in range(2):
        assert masters.options(path)
    assert (masters.there(path), masters.there(dead)) == (True, False)
    asked = [line for line in (tmp_path / "called").read_text().splitlines() if line.endswith(" true")]
    assert len(asked) == 2  # each once in a while
    assert all("ProxyCommand=false" in line for line in asked)
    for listener in listeners:
        listener.close()

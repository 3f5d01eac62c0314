"""The doctor: each thing is looked at by itself, in time, and what is wrong has a remedy."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.federation.generate import refresh
from mip_salt.workflows.backup import backup
from mip_salt.workflows.doctor import files, machine, sources, tools
from mip_salt.workflows.doctor.examine import Check, examine
from mip_salt.workflows.findings import Finding, Level
from mip_salt.workflows.this_machine import link_commands, set_hostname


def only(found):
    (finding,) = found
    return finding


def levels(found):
    return {each.what: each.level for each in found}


# --- how checks are made ---------------------------------------------------------------------------------------


def test_a_check_that_hangs_costs_its_own_line_and_deadline_only():
    never = threading.Event()
    started = time.monotonic()
    found = list(
        examine(
            [Check("slow", lambda: never.wait() and [], 0.1), Check("good", lambda: [Finding("good", Level.OK, "")])]
        )
    )
    assert [(each.what, each.level) for each in found] == [("slow", Level.FAIL), ("good", Level.OK)]
    assert time.monotonic() - started < 5
    never.set()


def test_checks_are_made_side_by_side():
    both = threading.Barrier(2, timeout=5)  # one alone would wait here for ever

    def look():
        both.wait()
        return [Finding("met", Level.OK, "")]

    assert {each.level for each in examine([Check("a", look), Check("b", look)])} == {Level.OK}


def test_an_error_is_a_finding_with_its_hint_and_a_defect_hides_no_other():
    def refuse():
        raise Damaged("it is bent", hint="Bend it back.")

    def break_down():
        raise ZeroDivisionError("oh")

    bent, broken = examine([Check("bent", refuse), Check("broken", break_down)])
    assert (bent.level, bent.said, bent.remedy) == (Level.FAIL, "it is bent", "Bend it back.")
    assert broken.level is Level.UNKNOWN


# --- this machine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [tools.gpg, tools.ssh, tools.git])
def test_the_programs_of_this_machine_work(look):
    assert only(look()).level in (Level.OK, Level.WARN)


@pytest.mark.parametrize(
    ("look", "level", "remedy"),
    [(tools.gpg, Level.FAIL, "gnupg"), (tools.ssh, Level.FAIL, "openssh-client"), (tools.git, Level.WARN, "git")],
)
def test_a_program_that_is_missing_is_named_with_its_package(look, level, remedy, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = only(look())
    assert found.level is level
    assert found.remedy == f"apt-get install {remedy}"


def program(folder, name, script):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_an_old_gpg_and_one_without_its_agent_fail(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program(tmp_path, "gpg", "echo gpg 2.0.22")
    assert "older than 2.2" in only(tools.gpg()).said
    program(tmp_path, "gpg", "echo gpg 2.4.1")
    program(tmp_path, "gpg-connect-agent", "exit 2")
    assert "does not answer" in only(tools.gpg()).said


def test_python_salt_and_the_rest_are_as_pinned():
    assert levels(tools.python()) == {"python": Level.OK, "packages": Level.OK}


def test_a_package_outside_its_pin_is_named(monkeypatch):
    monkeypatch.setattr(tools.metadata, "requires", lambda name: ["salt<1", "nosuchthing>=1", 'pytest<1; extra == "x"'])
    found = levels(tools.python())
    assert found["packages"] is Level.FAIL


def test_a_hostname_that_is_not_usual_is_told(monkeypatch):
    class Machine:
        nodename = "localhost"

    monkeypatch.setattr(machine.os, "uname", Machine)
    assert "not a usual name" in only(machine.hostname(None)).said


def test_mips_name_for_a_pusher_is_advised_and_no_fault():
    found = only(machine.hostname("brain"))
    if found.level is Level.OK:
        assert "install --hostname brain-pusher" in found.remedy
    assert only(machine.hostname(None)).remedy == "" or found.level is Level.WARN


def test_names_of_nodes_that_nobody_knows_are_told():
    assert only(machine.names({"localhost": "ms"})).level is Level.OK
    found = only(machine.names({"nosuch.invalid": "wk1"}))
    assert (found.level, found.said) == (Level.FAIL, "unknown: nosuch.invalid (wk1)")


def test_the_clock_is_asked_of_the_kernel():
    assert only(machine.clock()).level in (Level.OK, Level.WARN)


def test_little_room_is_told(tmp_path, monkeypatch):
    assert {each.level for each in machine.disk(tmp_path / "not" / "yet")} <= {Level.OK, Level.WARN}
    monkeypatch.setattr(machine, "DISK_FAIL", 1 << 60)
    assert {each.level for each in machine.disk(tmp_path)} == {Level.FAIL}


# --- files -----------------------------------------------------------------------------------------------------


def test_a_root_in_which_others_may_rename_fails(tmp_path):
    assert only(files.root(tmp_path, begun=False)).level is Level.OK
    tmp_path.chmod(0o777)
    assert only(files.root(tmp_path, begun=False)).level is Level.FAIL
    tmp_path.chmod(0o1777)
    assert only(files.root(tmp_path, begun=False)).level is Level.OK


def test_what_killed_commands_left_is_told(tmp_path):
    (tmp_path / ".mip-removed.brain").mkdir()
    _, left = files.root(tmp_path, begun=False)
    assert left.remedy == f"rm -r {tmp_path}/.mip-removed.brain"


def test_a_path_without_room_for_sockets_is_told(tmp_path):
    long = tmp_path / ("r" * 80)
    assert only(files.sockets(long, Folder(long / "brain"))).level is Level.FAIL
    assert only(files.sockets(long, None)).level is Level.FAIL
    assert "at most" in only(files.sockets(Path("/" + "r" * 60), None)).said


@pytest.mark.parametrize(
    ("path", "told"), [("/" + "r" * 70, ["sockets"]), ("/" + "r" * 71, ["sockets", "connections"])]
)
def test_a_path_without_room_for_connections_that_commands_share_is_told(path, told):
    assert [found.what for found in files.sockets(Path("/"), Folder(Path(path)))] == told


def test_a_federation_as_it_should_be_has_no_fault(brain):
    refresh(brain, load(brain))
    backup(brain, None)
    found = [*files.permissions(brain), *files.vault(brain), *files.kept(brain)]
    assert {each.level for each in found} == {Level.OK}


def test_a_key_that_others_may_read_is_told(brain):
    (brain.gnupg / "pubring.kbx").chmod(0o644)
    assert "pubring.kbx" in only(files.permissions(brain)).said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_told(brain):
    (brain.states / "x").write_text("x")
    os.chown(brain.states / "x", 12345, 12345)
    found = only(files.permissions(brain))
    assert "states/x" in found.said
    assert found.remedy.startswith("chown -R")


def test_what_is_generated_and_out_of_date_is_told(brain):
    assert levels(files.federation(brain))["generated"] is Level.WARN
    refresh(brain, load(brain))
    assert "generated" not in levels(files.federation(brain))


def test_a_node_without_a_pinned_key_fails(brain):
    found = {each.what: each for each in files.federation(brain)}["host keys"]
    assert found.level is Level.FAIL
    assert "mip-salt -f brain node trust ms" in found.remedy


def test_a_secret_in_clear_and_a_missing_entry_fail(brain):
    brain.entry("wk1").unlink()
    assert "no entry for wk1" in only(files.vault(brain)).said
    brain.entry("wk1").write_text("in: clear")
    assert "in clear on disk" in only(files.vault(brain)).said


def test_a_backup_older_than_the_federation_is_told(brain):
    assert "none" in only(files.kept(brain)).said
    backup(brain, None)
    later = time.time() + 3600
    os.utime(brain.document, (later, later))
    assert "federation.sls" in only(files.kept(brain)).said


# --- sources ---------------------------------------------------------------------------------------------------


def test_a_source_that_answers_is_told_from_one_that_does_not(tmp_path):
    from mip_salt.versions.source import MIP

    subprocess.run(["git", "init", "-q", tmp_path / "there"], check=True)
    assert only(sources.source(MIP, str(tmp_path / "there"))).level is Level.OK
    assert only(sources.source(MIP, str(tmp_path / "gone"))).level is Level.WARN
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        assert only(sources.source(MIP, f"https://127.0.0.1:{nobody.getsockname()[1]}/x")).level is Level.WARN


# --- the command, and what root may change -----------------------------------------------------------------------


def test_a_fault_is_exit_code_6_and_one_document_for_programs(brain):
    brain.entry("wk1").write_text("in: clear")
    call = [sys.executable, "-m", "mip_salt", "--root", str(brain.path.parent), "-f", "brain", "doctor", "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout)
    assert done.returncode == 6
    assert told["federation"] == "brain"
    assert {"what": "vault", "level": "fail"}.items() <= next(
        f for f in told["findings"] if f["what"] == "vault"
    ).items()


def test_commands_are_linked_for_every_user_and_anothers_is_left(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    for name in ("mip-salt", "salt-ssh"):
        program(home / "bin", name, "")
    monkeypatch.setattr("mip_salt.workflows.this_machine._need_root", lambda why: None)
    monkeypatch.setattr("mip_salt.workflows.this_machine._closed_to_others", lambda *ways: None)
    monkeypatch.setattr(sys, "prefix", str(home))
    place = tmp_path / "usr"
    place.mkdir()
    (place / "salt-ssh").write_text("another's")
    assert link_commands(place) == [place / "mip-salt"]
    assert (place / "mip-salt").resolve() == home / "bin" / "mip-salt"
    assert link_commands(place) == []
    assert (place / "salt-ssh").read_text() == "another's"
    (place / "mip-salt").unlink()
    (place / "mip-salt").write_text("another's")
    with pytest.raises(Damaged, match="is another's"):
        link_commands(place)


@pytest.mark.parametrize("name", ["localhost", "a_b", "-x", "A", "", "x\n"])
def test_what_is_no_hostname_is_refused_before_anything_is_touched(name):
    from mip_salt.errors import UsageError

    with pytest.raises(UsageError, match="not a hostname"):
        set_hostname(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set a hostname")
def test_the_hostname_that_it_has_is_no_change():
    assert set_hostname(os.uname().nodename) is False

"""The federation's windows, opened by a real tmux whose mip-salt only says what it was called with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from mip_salt.errors import Damaged, LoginRefused
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.vault import session
from mip_salt.workflows import tmux
from mip_salt.workflows.tmux import Windows
from vaults import Answers
from waiting import runs, until

SECRET = "MIP_SALT_VAULT_PASSPHRASE"


@pytest.fixture(autouse=True)
def _needed() -> None:
    if not shutil.which("tmux"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("tmux is not installed")


@pytest.fixture
def unlocked(brain: Folder) -> Iterator[Folder]:
    session.unlock_for_good(brain, Answers())
    yield brain
    session.lock(brain)


@pytest.fixture
def windows(unlocked: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Windows]:
    monkeypatch.setenv(SECRET, "correct horse")
    program = tmp_path / "mip-salt"
    program.write_text('#!/bin/sh\necho "called: $*"\nexec sleep 60\n')
    program.chmod(0o755)
    windows = Windows(unlocked, [str(program)], (SECRET,))
    yield windows
    windows.close()


def asked(windows: Windows, *words: str) -> list[str]:
    done = subprocess.run(windows.call(*words), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def shows(windows: Windows, pane: str, text: str) -> bool:
    # What is longer than the pane stands on two lines.
    return until(lambda: text in "".join(asked(windows, "capture-pane", "-p", "-J", "-t", f"brain:{pane}")))


def test_the_windows_are_the_incumbents(windows: Windows) -> None:
    assert not windows.are_open()
    windows.open(load(windows.folder))
    assert windows.are_open()
    assert asked(windows, "list-windows", "-F", "#I #W") == [
        *("0 shell", "1 logs", "2 help"),
        *("3 ms", "4 wk1", "5 wk2"),
    ]
    assert asked(windows, "list-panes", "-t", "brain:1", "-F", "#P #T") == ["0 ms", "1 wk1", "2 wk2"]
    assert asked(windows, "show-options", "-gv", "prefix") == ["C-j"]
    assert asked(windows, "show-window-options", "-v", "-t", "brain:1", "synchronize-panes") == ["on"]
    assert asked(windows, "display", "-p", "-t", "brain:0", "#{pane_start_path}") == [str(windows.folder.path)]
    root = windows.folder.path.parent
    assert shows(windows, "1.1", f"called: --root {root} -f brain logs --follow --node wk1")
    assert shows(windows, "4", f"called: --root {root} -f brain ssh -t wk1 cd /data/brain; exec")
    assert shows(windows, "2", "The windows of brain")


def test_the_ui_is_entered_where_its_compose_file_lies(windows: Windows) -> None:
    text = windows.folder.document.read_text().replace("wk2: {role: worker", "ui: {role: ui")
    windows.folder.document.write_text(text)
    commands = [" ".join(command) for command in windows.commands(load(windows.folder))]
    assert [command for command in commands if "/opt/mip-deployment/Federation" in command and "-n ui" in command]


def test_a_disabled_node_has_none(windows: Windows) -> None:
    text = windows.folder.document.read_text().replace("wk2: {role: worker", "wk2: {role: worker, enabled: false")
    windows.folder.document.write_text(text)
    assert not [command for command in windows.commands(load(windows.folder)) if "wk2" in " ".join(command)]


def test_many_nodes_have_several_windows_of_logs_behind_all_others(
    windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tmux, "PANES", 2)
    windows.open(load(windows.folder))
    assert asked(windows, "list-windows", "-F", "#I #W")[-2:] == ["5 wk2", "6 logs2"]


def test_no_passphrase_is_in_the_environment_of_anything_in_it(windows: Windows) -> None:
    windows.open(load(windows.folder))
    pids = asked(windows, "list-panes", "-s", "-F", "#{pane_pid}") + asked(windows, "display", "-p", "#{pid}")
    assert len(pids) == 9
    for pid in pids:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"PATH=" in environ
        assert SECRET.encode() not in environ


def test_windows_that_are_opened_anew_end_those_before(windows: Windows) -> None:
    windows.open(load(windows.folder))
    (before,) = asked(windows, "display", "-p", "#{pid}")
    windows.open(load(windows.folder))
    (after,) = asked(windows, "display", "-p", "#{pid}")
    assert before != after
    assert until(lambda: not runs(before))


def test_nothing_of_the_operators_own_tmux_is_read(windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    (windows.folder.path / ".tmux.conf").write_text("set -g prefix C-x\nset -g base-index 7\n")
    windows.environ["HOME"] = str(windows.folder.path)
    windows.open(load(windows.folder))
    assert asked(windows, "list-windows", "-F", "#I")[0] == "0"


def test_with_a_locked_vault_none_is_opened_and_what_to_do_is_said(brain: Folder) -> None:
    with pytest.raises(LoginRefused) as caught:
        Windows(brain, ["mip-salt"], ()).open(load(brain))
    assert caught.value.hint.endswith("mip-salt -f brain vault unlock")
    assert not brain.tmux_socket.exists()


def test_without_tmux_what_to_install_is_said(unlocked: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(unlocked, ["mip-salt"], ())
    monkeypatch.setattr(windows, "call", lambda *words: ["/no/such/tmux", *words])
    with pytest.raises(Damaged, match="tmux is not installed") as caught:
        windows.are_open()
    assert caught.value.hint == "apt-get install tmux"
    windows.close()


def mip_salt(folder: Folder, *words: str) -> list[str]:
    return ["-m", "mip_salt", "--root", str(folder.path.parent), "-f", "brain", *words]


def test_at_a_terminal_they_are_shown_and_left_by_their_prefix(windows: Windows) -> None:
    windows.open(load(windows.folder))
    environ = {**windows.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    child = pexpect.spawn(sys.executable, mip_salt(windows.folder, "tmux"), env=environ, timeout=30)
    assert until(lambda: asked(windows, "list-clients"))
    child.send("\nd")  # C-j, and d
    child.expect("detached")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert windows.are_open()


def test_off_a_terminal_they_are_opened_and_how_to_see_them_is_said(unlocked: Folder) -> None:
    windows = Windows(unlocked, (), ())
    try:
        call = [sys.executable, *mip_salt(unlocked, "tmux")]
        done = subprocess.run(call, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
        assert "-f brain tmux" in done.stderr
        assert windows.are_open()
        # From within, they are not ended under the feet of whoever asks.
        inside = {**os.environ, "TMUX": f"{unlocked.tmux_socket},1,0"}
        done = subprocess.run([*call, "--force"], capture_output=True, text=True, env=inside, check=False)
        assert done.returncode == 2
        assert "this is one of the windows" in done.stderr
    finally:
        windows.close()


def test_an_uninstall_ends_them(unlocked: Folder) -> None:
    windows = Windows(unlocked, ["true"], ())
    windows.open(load(unlocked))
    (pid,) = asked(windows, "display", "-p", "#{pid}")
    call = [sys.executable, *mip_salt(unlocked, "uninstall", "--yes", "--leave-nodes")]
    subprocess.run(call, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    assert until(lambda: not runs(pid))

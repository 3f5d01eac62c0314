"""``_modules/mip_identity.py`` and the rule for sudo, over a sudoers folder of our own."""

import os
import stat

import pytest
from salt.exceptions import CommandExecutionError
from unit.identities import RULE


@pytest.fixture
def sudoers(identity, home, tmp_path, monkeypatch):
    """A sudoers folder, and a visudo of our own that refuses every file with the word broken in it or below it.

    This machine need not have sudo; the real one judges on the lab's nodes (tests/integration).
    """
    folder = tmp_path / "sudoers.d"
    folder.mkdir()
    (tmp_path / "sudoers").write_text("")
    visudo = tmp_path / "bin" / "visudo"
    visudo.parent.mkdir()
    visudo.write_text(
        f'#!/bin/sh\n[ "$1" = -cf ] && shift || exit 2\n'
        f'case $1 in */sudoers) set -- $(find {folder} -type f -name "[!.]*"); esac\n'
        'for file; do ! grep -qs broken "$file" || { echo "$file: syntax error" >&2; exit 1; }; done\n'
    )
    visudo.chmod(0o755)
    monkeypatch.setattr(identity, "SYSTEM_PATH", str(visudo.parent))
    monkeypatch.setattr(identity, "SUDOERS", str(tmp_path / "sudoers"))
    monkeypatch.setattr(identity, "DROP_IN", str(folder / "mip-salt"))
    return folder


def test_the_sudo_rule_is_written_once(identity, sudoers):
    found = identity.sudo_add("mipadmin")
    assert (found["changed"], found["old"]["state"], found["new"]["state"]) == (True, "absent", "present")
    assert (sudoers / "mip-salt").read_text() == RULE
    assert stat.S_IMODE((sudoers / "mip-salt").stat().st_mode) == 0o440
    assert not identity.sudo_add("mipadmin")["changed"]
    assert [p.name for p in sudoers.iterdir()] == ["mip-salt"]


THEIRS = "someone ALL=(root) NOPASSWD: ALL\n"


def lay_rule(sudoers, text, mode=0o440):
    (sudoers / "mip-salt").write_text(text)
    (sudoers / "mip-salt").chmod(mode)


@pytest.mark.parametrize(
    ("text", "mode", "state"),
    [
        (RULE, 0o440, "present"),
        (RULE.strip(), 0o440, "present"),
        (THEIRS + RULE, 0o440, "present"),
        (RULE, 0o640, "other"),
        (RULE + RULE, 0o440, "other"),
        (THEIRS, 0o440, "absent"),
        (f"# {RULE}", 0o440, "absent"),
        (f"x{RULE}", 0o440, "absent"),
        ("", 0o440, "absent"),
    ],
)
def test_sudo_check_says_how_the_rule_stands(identity, sudoers, text, mode, state):
    lay_rule(sudoers, text, mode)
    found = "; ".join(text.splitlines())
    assert identity.sudo_check("mipadmin") == {"state": state, "found": found}


def test_there_may_be_no_rule(identity, sudoers):
    assert identity.sudo_check("mipadmin") == {"state": "absent", "found": ""}


@pytest.mark.parametrize(("text", "mode"), [(RULE, 0o644), (RULE + RULE, 0o440), (RULE.strip(), 0o600)])
def test_a_rule_that_stands_there_badly_is_put_right(identity, sudoers, text, mode):
    lay_rule(sudoers, text, mode)
    assert identity.sudo_add("mipadmin")["changed"]
    assert (sudoers / "mip-salt").read_text() == RULE
    assert identity.sudo_check("mipadmin")["state"] == "present"


def test_another_federations_rule_on_the_same_machine_stays(identity, sudoers):
    lay_rule(sudoers, THEIRS)
    identity.sudo_add("mipadmin")
    assert (sudoers / "mip-salt").read_text() == THEIRS + RULE
    assert identity.sudo_remove("mipadmin")["changed"]
    assert (sudoers / "mip-salt").read_text() == THEIRS
    assert stat.S_IMODE((sudoers / "mip-salt").stat().st_mode) == 0o440


def test_a_rule_that_visudo_refuses_never_counts(identity, sudoers, monkeypatch):
    monkeypatch.setattr(identity, "_rule", lambda user: b"broken")
    with pytest.raises(CommandExecutionError, match=r"visudo refuses the rule: .*syntax error"):
        identity.sudo_add("mipadmin")
    assert list(sudoers.iterdir()) == []


@pytest.mark.parametrize("old", [None, THEIRS])
def test_a_rule_that_breaks_the_whole_is_taken_back(identity, sudoers, monkeypatch, old):
    if old:
        lay_rule(sudoers, old)
    monkeypatch.setattr(identity, "_rule", lambda user: b"broken")
    monkeypatch.setattr(identity, "_refuse_broken", lambda draft: None)
    with pytest.raises(CommandExecutionError, match="was taken back"):
        identity.sudo_add("mipadmin")
    assert {p.name: p.read_text() for p in sudoers.iterdir()} == ({"mip-salt": old} if old else {})
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o440 for p in sudoers.iterdir())


def test_what_was_broken_before_is_not_held_against_the_rule(identity, sudoers):
    (sudoers / "theirs").write_text("broken\n")
    assert identity.sudo_add("mipadmin")["new"]["state"] == "present"


def test_root_needs_no_rule(identity, sudoers):
    if os.geteuid() == 0:
        with pytest.raises(CommandExecutionError, match="is root already"):
            identity.sudo_add("root")
    else:
        with pytest.raises(CommandExecutionError, match="only root"):
            identity.sudo_add("root")
    assert list(sudoers.iterdir()) == []


def test_a_node_without_sudo_is_told(identity, sudoers, monkeypatch):
    monkeypatch.setattr(identity, "SYSTEM_PATH", "/no/such")
    with pytest.raises(CommandExecutionError, match="sudo is not installed here"):
        identity.sudo_add("mipadmin")
    assert list(sudoers.iterdir()) == []


def test_a_node_without_the_folder_is_told(identity, sudoers):
    sudoers.rmdir()
    with pytest.raises(CommandExecutionError, match=r"sudo's rule cannot be written: .*No such file"):
        identity.sudo_add("mipadmin")


def test_the_rule_is_removed_once_and_the_file_with_the_last(identity, sudoers):
    identity.sudo_add("mipadmin")
    found = identity.sudo_remove("mipadmin")
    assert (found["changed"], found["old"]["state"], found["new"]["state"]) == (True, "present", "absent")
    assert not identity.sudo_remove("mipadmin")["changed"]
    assert list(sudoers.iterdir()) == []

"""``_modules/mip_identity.py``, loaded as plain Python, over a home and a sudoers folder of our own."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from mip_salt.data import data_root
from mip_salt.federation import kinds
from mip_salt.ssh.install import RESTRICT, RESTRICT_BASTION, SUDOERS, key_line
from salt.exceptions import CommandExecutionError

SOURCE = data_root() / "_modules" / "mip_identity.py"
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIKkz3qkBqLhQ9kqtpg1KJyWFKsd0cTBHD3ZMxkOyE4Qb"
KEY = f"ssh-ed25519 {BLOB} mip-salt:brain"
LINE = f"restrict {KEY}\n"
FOREIGN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnq9w82VzY0Be72sTD30g/7F5Q+4X8M79vfvhtAvUQK someone\n"
RULE = "mipadmin ALL=(root) NOPASSWD: ALL\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def identity():
    spec = importlib.util.spec_from_file_location("mip_identity_under_test", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(monkeypatch):
    """The home of mipadmin. An account of this machine cannot be had for a test, so getpwnam is told of one.

    As root it is another user's (nobody's id), otherwise our own, as the work is done as that user.
    """
    uid, gid = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    folder = Path(tempfile.mkdtemp(prefix="mip-home-"))
    os.chown(folder, uid, gid)
    folder.chmod(0o755)
    account = pwd.struct_passwd(("mipadmin", "x", uid, gid, "", str(folder), "/bin/sh"))
    known = pwd.getpwnam
    monkeypatch.setattr(pwd, "getpwnam", lambda name: account if name == "mipadmin" else known(name))
    yield folder
    shutil.rmtree(folder)


def keys_file(home, text, mode=0o600):
    file = home / ".ssh" / "authorized_keys"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    for path in (file.parent, file):
        os.chown(path, home.stat().st_uid, home.stat().st_gid)
    return file


def test_a_home_without_ssh_gets_a_private_folder_and_file(identity, home):
    found = identity.add("mipadmin", KEY)
    folder, file = home / ".ssh", home / ".ssh" / "authorized_keys"
    assert found["changed"]
    assert (found["old"]["state"], found["new"]["state"]) == ("absent", "present")
    assert file.read_text() == LINE
    assert [stat.S_IMODE(p.stat().st_mode) for p in (folder, file)] == [0o700, 0o600]
    assert {(p.stat().st_uid, p.stat().st_gid) for p in (folder, file)} == {(home.stat().st_uid, home.stat().st_gid)}


def test_a_second_time_changes_nothing(identity, home):
    identity.add("mipadmin", KEY)
    file = home / ".ssh" / "authorized_keys"
    before = file.stat()
    found = identity.add("mipadmin", KEY)
    assert not found["changed"]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_comments_and_foreign_lines_stay_as_they_are(identity, home):
    odd = '# by hand\n\n  \t\nfrom="10.0.0.1",command="echo \\"a b\\"" ' + FOREIGN + "garbage é\r\n"
    file = keys_file(home, odd)
    identity.add("mipadmin", KEY)
    assert file.read_bytes().decode() == odd + LINE
    identity.remove("mipadmin", KEY)
    assert file.read_bytes().decode() == odd


def test_a_last_line_without_an_end_gets_one(identity, home):
    file = keys_file(home, FOREIGN.rstrip("\n"))
    identity.add("mipadmin", KEY)
    assert file.read_text() == FOREIGN + LINE


def test_the_files_mode_is_kept(identity, home):
    file = keys_file(home, FOREIGN, 0o640)
    identity.add("mipadmin", KEY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("text", "state", "options"),
    [
        ("", "absent", []),
        (FOREIGN, "absent", []),
        (f"# {LINE}", "absent", []),
        (LINE, "present", ["restrict"]),
        (f"  \t{LINE}", "present", ["restrict"]),
        (f"restrict \t ssh-ed25519  {BLOB}\n", "present", ["restrict"]),
        (f"restrict ssh-ed25519 {BLOB} another comment\n", "present", ["restrict"]),
        (f"ssh-ed25519 {BLOB}\n", "other options", [""]),
        (f"restrict,pty {KEY}\n", "other options", ["restrict,pty"]),
        (f'command="ssh-ed25519 \\" x",pty {KEY}\n', "other options", ['command="ssh-ed25519 \\" x",pty']),
        (LINE + LINE, "duplicates", ["restrict", "restrict"]),
        (f"{LINE}pty {KEY}\n", "duplicates", ["restrict", "pty"]),
    ],
)
def test_check_says_how_the_key_stands(identity, home, text, state, options):
    file = keys_file(home, text)
    assert identity.check("mipadmin", KEY) == {"state": state, "options": options, "file": str(file)}
    assert file.read_text() == text


@pytest.mark.parametrize(
    "copies", [f"pty {KEY}\n", LINE + LINE, f"{KEY}\n{LINE}", f'command="ssh-rsa AAAA" ssh-ed25519 {BLOB} other\n']
)
def test_other_copies_of_the_key_go(identity, home, copies):
    file = keys_file(home, copies + FOREIGN)
    assert identity.add("mipadmin", KEY)["changed"]
    assert file.read_text() == FOREIGN + LINE


def test_the_key_inside_a_foreign_lines_options_is_not_a_copy(identity, home):
    text = f'environment="X={KEY}" {FOREIGN}'
    file = keys_file(home, text)
    identity.remove("mipadmin", KEY)
    assert file.read_text() == text


def test_other_options_may_be_wanted(identity, home):
    file = keys_file(home, LINE)
    assert identity.add("mipadmin", KEY, options='restrict,pty,from="10.0.0.0/8, 192.168.0.1"')["changed"]
    assert file.read_text() == f'restrict,pty,from="10.0.0.0/8, 192.168.0.1" {KEY}\n'
    assert identity.check("mipadmin", KEY)["state"] == "other options"


def test_no_options_may_be_wanted(identity, home):
    identity.add("mipadmin", KEY, options="")
    assert (home / ".ssh" / "authorized_keys").read_text() == f"{KEY}\n"


def test_remove_takes_every_copy(identity, home):
    file = keys_file(home, LINE + FOREIGN + f"pty {KEY}\n")
    found = identity.remove("mipadmin", KEY)
    assert (found["changed"], found["new"]["state"]) == (True, "absent")
    assert file.read_text() == FOREIGN


def test_remove_where_nothing_is_makes_nothing(identity, home):
    assert not identity.remove("mipadmin", KEY)["changed"]
    assert list(home.iterdir()) == []


def test_a_symlink_is_followed_and_stays(identity, home):
    file = keys_file(home, FOREIGN)
    real = home / "keys"
    file.rename(real)
    file.symlink_to(real)
    identity.add("mipadmin", KEY)
    assert file.is_symlink()
    assert real.read_text() == FOREIGN + LINE


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        f"ssh-rsa {BLOB}",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 $(reboot)",
        f"restrict ssh-ed25519 {BLOB}",
        f"# {KEY}",
        f"{KEY}\n{FOREIGN}",
        f"{KEY}\x1b[2J",
        f"ssh-ed25519 {BLOB} {'x' * 9000}",
        None,
    ],
)
def test_what_is_not_one_public_key_is_refused(identity, home, key):
    for call in (identity.check, identity.add, identity.remove):
        with pytest.raises(CommandExecutionError):
            call("mipadmin", key)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "options", ["a b", 'command="x', "pty\n", f"{FOREIGN.strip()}", "#", " restrict", "restrict ", "a\x00b", None]
)
def test_options_that_sshd_would_read_otherwise_are_refused(identity, home, options):
    with pytest.raises(CommandExecutionError):
        identity.add("mipadmin", KEY, options=options)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("user", ["", "-x", "Root", "a b", "%sudo", "ALL", "a" * 33, "a\nroot", "../x", None, 0])
def test_what_is_no_users_name_is_refused(identity, user):
    for call in (lambda: identity.check(user, KEY), lambda: identity.sudo_check(user), lambda: identity.sudo_add(user)):
        with pytest.raises(CommandExecutionError, match="not a user's name"):
            call()


def test_the_rule_for_users_is_the_federations(identity):
    assert identity.USER.pattern == kinds.USER.pattern


def test_a_user_who_is_not_there_is_named(identity):
    with pytest.raises(CommandExecutionError, match="there is no user nosuchuser here"):
        identity.add("nosuchuser", KEY)


def test_a_home_that_is_not_there_is_named(identity, home, monkeypatch):
    gone = pwd.struct_passwd(("mipadmin", "x", home.stat().st_uid, home.stat().st_gid, "", "/no/such/home", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: gone)
    with pytest.raises(CommandExecutionError, match=r"/no/such/home/\.ssh: No such file"):
        identity.add("mipadmin", KEY)


def test_a_pipe_or_a_folder_in_its_place_is_refused_at_once(identity, home):
    file = keys_file(home, "")
    file.unlink()
    os.mkfifo(file)
    os.chown(file, home.stat().st_uid, home.stat().st_gid)
    with pytest.raises(CommandExecutionError, match="is not a file of the user"):
        identity.add("mipadmin", KEY)
    file.unlink()
    file.mkdir()
    with pytest.raises(CommandExecutionError, match="is not a file of the user"):
        identity.add("mipadmin", KEY)


def test_a_file_out_of_proportion_is_refused(identity, home):
    file = keys_file(home, "#" * ((1 << 20) + 1))
    with pytest.raises(CommandExecutionError, match="larger than 1048576 bytes"):
        identity.add("mipadmin", KEY)
    assert file.stat().st_size == (1 << 20) + 1


def test_an_interruption_leaves_the_old_file_and_no_draft(identity, home, monkeypatch):
    file = keys_file(home, FOREIGN)

    def broken_off(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(identity.os, "fsync", broken_off)
    with pytest.raises(CommandExecutionError, match="No space left on device"):
        identity.add("mipadmin", KEY)
    assert file.read_text() == FOREIGN
    assert list(file.parent.iterdir()) == [file]


def test_a_child_that_the_user_kills_is_a_failure(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "_find", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(CommandExecutionError, match="was broken off"):
        identity.check("mipadmin", KEY)


def test_a_child_that_the_user_stops_is_given_up(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "DEADLINE", 0.2)
    monkeypatch.setattr(identity, "_find", lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
    with pytest.raises(CommandExecutionError, match="gave no answer"):
        identity.check("mipadmin", KEY)


@as_root
def test_the_work_is_done_as_the_user_with_no_group_of_roots(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "_find", lambda *_: {"ids": [os.getresuid(), os.getresgid(), os.getgroups()]})
    assert identity.check("mipadmin", KEY)["ids"] == [[65534] * 3, [65534] * 3, [65534]]


@as_root
def test_the_user_cannot_look_into_the_child(identity, home, monkeypatch):
    monkeypatch.setattr(identity, "_find", lambda *_: {"owner": os.stat(f"/proc/{os.getpid()}/mem").st_uid})
    assert identity.check("mipadmin", KEY)["owner"] == 0


@as_root
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_symlink_to_roots_file_changes_nothing_there(identity, home, mode):
    folder = Path(tempfile.mkdtemp(prefix="mip-root-"))
    try:
        folder.chmod(0o755)
        victim = folder / "shadow"
        victim.write_text("root:*:\n")
        victim.chmod(mode)
        file = keys_file(home, "")
        file.unlink()
        file.symlink_to(victim)
        with pytest.raises(CommandExecutionError, match="not permitted"):
            identity.add("mipadmin", KEY)
        assert victim.read_text() == "root:*:\n"
        assert list(folder.iterdir()) == [victim]
    finally:
        shutil.rmtree(folder)


@as_root
def test_a_folder_that_is_a_symlink_to_roots_is_not_written_in(identity, home):
    folder = Path(tempfile.mkdtemp(prefix="mip-root-"))
    try:
        folder.chmod(0o755)
        (home / ".ssh").symlink_to(folder)
        with pytest.raises(CommandExecutionError, match="not permitted"):
            identity.add("mipadmin", KEY)
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)


def test_no_failure_has_the_words_that_make_salt_ssh_ask_for_a_password(identity, home):
    trap = home / "Permission denied"
    trap.mkdir()
    file = keys_file(home, "")
    file.unlink()
    file.symlink_to(trap)
    with pytest.raises(CommandExecutionError, match=r"home-.*/not permitted is not a file") as caught:
        identity.add("mipadmin", KEY)
    assert "Permission denied" not in str(caught.value)


@as_root
def test_another_users_file_is_refused(identity, home):
    file = keys_file(home, FOREIGN, 0o644)
    os.chown(file, 65533, 65533)
    with pytest.raises(CommandExecutionError, match="is not a file of the user or of root"):
        identity.check("mipadmin", KEY)


@as_root
def test_a_file_that_root_owns_in_the_users_folder_is_not_taken_over(identity, home):
    file = keys_file(home, FOREIGN, 0o644)
    os.chown(file, 0, 0)
    assert identity.check("mipadmin", KEY)["state"] == "absent"
    with pytest.raises(CommandExecutionError, match="belongs to 0:0"):
        identity.add("mipadmin", KEY)
    assert (file.read_text(), file.stat().st_uid) == (FOREIGN, 0)
    assert list(file.parent.iterdir()) == [file]


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


def test_first_contact_and_the_highstate_write_the_same(identity):
    assert identity._line(KEY, RESTRICT)[1] + b"\n" == key_line(KEY)
    assert identity._line(KEY, RESTRICT_BASTION)[1] + b"\n" == key_line(KEY, RESTRICT_BASTION)
    assert identity._rule("mipadmin").decode().replace("mipadmin", 'line="$u') + '"' in SUDOERS


def test_the_lines_written_are_read_alike_by_openssh(identity, home):
    file = keys_file(home, f'# by hand\ncommand="a \\" b",pty {FOREIGN}')
    identity.add("mipadmin", KEY, options='restrict,from="10.0.0.1, 10.0.0.2"')
    said = subprocess.run(["ssh-keygen", "-lf", file], check=True, capture_output=True, text=True).stdout
    assert [line.split()[2] for line in said.splitlines()] == ["someone", "mip-salt:brain"]

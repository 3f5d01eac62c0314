"""``_modules/mip_identity.py`` and the keys of a user, over a home of our own."""

import os
import pwd
import stat
import subprocess

import pytest
from mip_salt.federation import kinds
from mip_salt.ssh.install import RESTRICT, RESTRICT_BASTION, SUDOERS, key_line
from salt.exceptions import CommandExecutionError
from unit.identities import BLOB, FOREIGN, KEY, LINE, keys_file


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


def test_first_contact_and_the_highstate_write_the_same(identity):
    assert identity._line(KEY, RESTRICT)[1] + b"\n" == key_line(KEY)
    assert identity._line(KEY, RESTRICT_BASTION)[1] + b"\n" == key_line(KEY, RESTRICT_BASTION)
    assert identity._rule("mipadmin").decode().replace("mipadmin", 'line="$u') + '"' in SUDOERS


def test_the_lines_written_are_read_alike_by_openssh(identity, home):
    file = keys_file(home, f'# by hand\ncommand="a \\" b",pty {FOREIGN}')
    identity.add("mipadmin", KEY, options='restrict,from="10.0.0.1, 10.0.0.2"')
    said = subprocess.run(["ssh-keygen", "-lf", file], check=True, capture_output=True, text=True).stdout
    assert [line.split()[2] for line in said.splitlines()] == ["someone", "mip-salt:brain"]

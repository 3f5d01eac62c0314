"""What is put on a node: the scripts run here, on a home folder and a sudoers.d of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mip_salt.ssh.facts import shell_command
from mip_salt.ssh.install import INSTALL, REMOVE, REMOVE_SUDOERS, RESTRICT_BASTION, SUDOERS, key_line

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIIDtyDOajDVicpLhOetKM0PCHPq89eiiTMZWpjKGxGXM"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPHPo+kFtt4o0XrYDTGxJxLqVkUIyRlsV2SAo0SHNR5z other"
PUBLIC = f"ssh-ed25519 {BLOB} mip-salt:brain"
LINE = f"restrict,pty {PUBLIC}\n"
PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def keys(home: Path) -> Path:
    return home / ".ssh" / "authorized_keys"


def sh(script: str, home: Path, line: bytes = key_line(PUBLIC), **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", shell_command(script)],
        env={"HOME": str(home), "PATH": PATH, **env},
        input=line.decode(),
        capture_output=True,
        text=True,
    )


def install(home: Path, line: bytes = key_line(PUBLIC)) -> str:
    done = sh(INSTALL, home, line)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in (home / ".ssh").iterdir()] == ["authorized_keys"]
    return done.stdout.strip()


class TestInstall:
    def test_a_first_key_makes_folder_and_file_private(self, tmp_path: Path) -> None:
        assert install(tmp_path) == "MIP2-changed"
        assert (tmp_path / ".ssh/authorized_keys").read_text() == LINE
        assert (tmp_path / ".ssh").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / ".ssh/authorized_keys").stat().st_mode & 0o777 == 0o600

    def test_of_two_first_keys_at_once_the_later_finds_the_folder_made(self, tmp_path: Path) -> None:
        (tmp_path / "bin").mkdir()
        # Between the look and the making of it, another pusher makes it.
        first = tmp_path / "bin/mkdir"
        first.write_text(f'#!/bin/sh\nPATH="{PATH}"; mkdir .ssh; exec mkdir "$@"\n')
        first.chmod(0o755)
        done = sh(INSTALL, tmp_path, PATH=f"{tmp_path}/bin:{PATH}")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / ".ssh/authorized_keys").read_text() == LINE

    def test_comments_foreign_keys_and_blank_lines_stay(self, home: Path, keys: Path) -> None:
        keys.write_text(f"# who: me\n\n{OTHER}\n")
        install(home)
        assert keys.read_text() == f"# who: me\n\n{OTHER}\n{LINE}"

    def test_a_last_line_without_newline_is_repaired(self, home: Path, keys: Path) -> None:
        keys.write_text(OTHER)
        install(home)
        assert keys.read_text() == f"{OTHER}\n{LINE}"

    def test_what_is_right_is_not_written_again(self, home: Path, keys: Path) -> None:
        keys.write_text(f"{LINE}{OTHER}\n")
        before = keys.stat()
        assert install(home) == "MIP2-unchanged"
        assert (keys.stat().st_ino, keys.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    @pytest.mark.parametrize(
        "copy",
        [
            PUBLIC,
            f"restrict {PUBLIC}",
            f'from="10.0.0.0/8",command="echo \\"a b\\" c" ssh-ed25519 {BLOB}',
            f"  ssh-ed25519\t{BLOB} indented",
            f"ssh-ed25519 {BLOB}\r",
        ],
    )
    def test_other_copies_of_the_key_give_way(self, home: Path, keys: Path, copy: str) -> None:
        keys.write_bytes(f"{OTHER}\n{copy}\n# end\n".encode())
        install(home)
        assert keys.read_bytes().decode() == f"{OTHER}\n{LINE}# end\n"

    def test_two_copies_become_one(self, home: Path, keys: Path) -> None:
        keys.write_text(f"{LINE}{OTHER}\n{LINE}")
        install(home)
        assert keys.read_text() == f"{LINE}{OTHER}\n"

    @pytest.mark.parametrize(
        "line",
        [
            f"# ssh-ed25519 {BLOB} switched off",
            f'command="ssh-ed25519 {BLOB} x" {OTHER}',
            f'environment="K=\\" ssh-ed25519 {BLOB} \\"" {OTHER}',
            f"{OTHER} see also ssh-ed25519 {BLOB}",
            f"ssh-ed25519 {BLOB}x longer",
        ],
    )
    def test_a_line_that_only_mentions_the_key_stays(self, home: Path, keys: Path, line: str) -> None:
        keys.write_text(f"{line}\n")
        install(home)
        assert keys.read_text() == f"{line}\n{LINE}"

    def test_mode_is_kept(self, home: Path, keys: Path) -> None:
        keys.write_text(f"{OTHER}\n")
        keys.chmod(0o640)
        install(home)
        assert keys.stat().st_mode & 0o777 == 0o640

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_owner_is_kept(self, home: Path, keys: Path) -> None:
        keys.write_text(f"{OTHER}\n")
        os.chown(keys, 12345, 54321)
        install(home)
        assert (keys.stat().st_uid, keys.stat().st_gid) == (12345, 54321)

    def test_a_link_is_followed(self, home: Path, keys: Path) -> None:
        real = home / "keys"
        real.write_text(f"{OTHER}\n")
        keys.symlink_to("../keys")
        install(home)
        assert keys.is_symlink()
        assert real.read_text() == f"{OTHER}\n{LINE}"

    def test_other_options_replace_the_line(self, home: Path, keys: Path) -> None:
        keys.write_text(LINE)
        assert install(home, key_line(PUBLIC, RESTRICT_BASTION)) == "MIP2-changed"
        assert keys.read_text() == f"restrict,pty,port-forwarding {PUBLIC}\n"

    @pytest.mark.parametrize("tool", ["awk", "mv", "sync", "chmod"])
    def test_any_failure_leaves_the_old_file_and_nothing_else(
        self, home: Path, keys: Path, tool: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        # A full disk cannot be had without root: the tool that would meet it fails instead.
        keys.write_text(f"{OTHER}\n")
        tools = tmp_path_factory.mktemp("tools")
        (tools / tool).write_text("#!/bin/sh\necho No space left on device >&2\nexit 2\n")
        (tools / tool).chmod(0o755)
        done = sh(INSTALL, home, PATH=f"{tools}:{PATH}")
        assert done.returncode != 0
        assert keys.read_text() == f"{OTHER}\n"
        assert [p.name for p in keys.parent.iterdir()] == ["authorized_keys"]

    def test_a_cut_off_write_is_noticed(self, home: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        keys.write_text(f"{OTHER}\n")
        tools = tmp_path_factory.mktemp("tools")
        (tools / "awk").write_text("#!/bin/sh\nexit 0\n")
        (tools / "awk").chmod(0o755)
        assert sh(INSTALL, home, PATH=f"{tools}:{PATH}").returncode != 0
        assert keys.read_text() == f"{OTHER}\n"

    def test_a_dozen_at_once_lose_nothing(self, home: Path, keys: Path) -> None:
        keys.write_text(f"{OTHER}\n")
        lines = [key_line(f"ssh-ed25519 {BLOB[:-2]}{n:02d} mip-salt:fed{n}") for n in range(12)]
        running = []
        for line in lines:
            process = subprocess.Popen(
                ["sh", "-c", shell_command(INSTALL)],
                env={"HOME": str(home), "PATH": PATH},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            assert process.stdin is not None
            process.stdin.write(line)
            process.stdin.close()
            running.append(process)
        assert [process.wait(30) for process in running] == [0] * 12
        assert sorted(keys.read_text().splitlines()[1:]) == sorted(line.decode().strip() for line in lines)

    @pytest.mark.parametrize("shell", ["zsh", "csh", "tcsh", "fish", "mksh"])
    def test_it_works_in_every_login_shell(self, home: Path, keys: Path, shell: str) -> None:
        path = shutil.which(shell)
        if path is None:
            pytest.skip(f"no {shell} here")
        keys.write_text(f'command="ssh-ed25519 {BLOB} x" {OTHER}\n')
        subprocess.run(
            [path, "-c", shell_command(INSTALL)],
            env={"HOME": str(home), "PATH": PATH},
            input=key_line(PUBLIC),
            check=True,
        )
        assert keys.read_text() == f'command="ssh-ed25519 {BLOB} x" {OTHER}\n{LINE}'


class TestRemove:
    def test_every_copy_goes_and_the_rest_stays(self, home: Path, keys: Path) -> None:
        keys.write_text(f"# me\n{LINE}{OTHER}\nssh-ed25519 {BLOB} a copy\n# ssh-ed25519 {BLOB}\n")
        done = sh(REMOVE, home)
        assert done.stdout == "MIP2-changed\n"
        assert keys.read_text() == f"# me\n{OTHER}\n# ssh-ed25519 {BLOB}\n"

    @pytest.mark.parametrize("there", [None, "", f"{OTHER}\n"])
    def test_where_it_is_not_nothing_is_written(self, home: Path, keys: Path, there: str | None) -> None:
        if there is not None:
            keys.write_text(there)
        done = sh(REMOVE, home)
        assert done.stdout == "MIP2-unchanged\n"
        assert (keys.read_text() if keys.exists() else None) == there


@pytest.mark.parametrize("public", ["", "ssh-ed25519 AAAA", f"ssh-rsa {BLOB} x", f"{PUBLIC}\n{OTHER}", f"{PUBLIC} y"])
def test_only_one_whole_key_is_installed(public: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        key_line(public)


@pytest.fixture
def sudoers_d() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


RULE = "mipadmin ALL=(root) NOPASSWD: ALL\n"


@pytest.mark.skipif(shutil.which("visudo", path=PATH) is None, reason="no sudo here")
class TestSudoers:
    def run(self, script: str, folder: Path, user: str = "mipadmin") -> subprocess.CompletedProcess[str]:
        # The folder's name is fixed in the script, so that no variable of a caller's can move it.
        done = sh(script.replace("/etc/sudoers.d", str(folder)), folder, b"", SUDO_USER=user)
        assert [p.name for p in folder.iterdir() if p.name != "mip-salt"] == []
        return done

    def test_the_rule_is_written_for_who_called_sudo(self, sudoers_d: Path) -> None:
        assert self.run(SUDOERS, sudoers_d).stdout == "MIP2-changed\n"
        assert (sudoers_d / "mip-salt").read_text() == RULE
        assert (sudoers_d / "mip-salt").stat().st_mode & 0o777 == 0o440

    def test_what_is_right_is_not_written_again(self, sudoers_d: Path) -> None:
        self.run(SUDOERS, sudoers_d)
        before = (sudoers_d / "mip-salt").stat().st_ino
        assert self.run(SUDOERS, sudoers_d).stdout == "MIP2-unchanged\n"
        assert (sudoers_d / "mip-salt").stat().st_ino == before

    def test_a_wrong_mode_is_mended(self, sudoers_d: Path) -> None:
        (sudoers_d / "mip-salt").write_text(RULE)
        (sudoers_d / "mip-salt").chmod(0o644)
        assert self.run(SUDOERS, sudoers_d).stdout == "MIP2-changed\n"
        assert (sudoers_d / "mip-salt").stat().st_mode & 0o777 == 0o440

    def test_another_users_rule_stays(self, sudoers_d: Path) -> None:
        self.run(SUDOERS, sudoers_d, "other")
        self.run(SUDOERS, sudoers_d)
        assert (sudoers_d / "mip-salt").read_text() == RULE.replace("mipadmin", "other") + RULE

    @pytest.mark.parametrize("user", ["", "%sudo", "ALL", "a b", "x ALL=(ALL) NOPASSWD: ALL\nmip", "a,b", "é"])
    def test_an_odd_user_is_refused(self, sudoers_d: Path, user: str) -> None:
        done = self.run(SUDOERS, sudoers_d, user)
        assert done.returncode == 1
        assert not (sudoers_d / "mip-salt").exists()

    def test_a_file_that_visudo_refuses_is_left_alone(self, sudoers_d: Path) -> None:
        (sudoers_d / "mip-salt").write_text("nonsense here\n")
        done = self.run(SUDOERS, sudoers_d)
        assert done.returncode == 1
        assert "visudo refuses" in done.stdout
        assert (sudoers_d / "mip-salt").read_text() == "nonsense here\n"

    def test_removing_the_last_rule_removes_the_file(self, sudoers_d: Path) -> None:
        self.run(SUDOERS, sudoers_d)
        assert self.run(REMOVE_SUDOERS, sudoers_d).stdout == "MIP2-changed\n"
        assert not (sudoers_d / "mip-salt").exists()

    def test_removing_keeps_another_users_rule(self, sudoers_d: Path) -> None:
        self.run(SUDOERS, sudoers_d, "other")
        self.run(SUDOERS, sudoers_d)
        self.run(REMOVE_SUDOERS, sudoers_d)
        assert (sudoers_d / "mip-salt").read_text() == RULE.replace("mipadmin", "other")

    def test_removing_what_is_not_there_is_no_failure(self, sudoers_d: Path) -> None:
        assert self.run(REMOVE_SUDOERS, sudoers_d).stdout == "MIP2-unchanged\n"

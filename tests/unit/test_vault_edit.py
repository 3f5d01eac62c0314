"""`mip-salt vault edit`: the opened text lies in memory only, and goes away whatever happens."""

import os
import signal
import stat
import time
from pathlib import Path

import pytest
from mip_salt.errors import Damaged, UsageError
from mip_salt.vault import session
from mip_salt.workflows import private_text
from mip_salt.workflows.private_text import edited, private_folder
from mip_salt.workflows.vault import edit
from unit.terminals import at_a_terminal, ended
from vaults import PASSPHRASE, SECRETS, Answers, entry_of

MEMORY = [place for place in private_text._candidates() if private_text._is_memory(place)]


def editor(folder, script):
    """An editor that is a shell script; the file is $1."""
    file = folder.path.parent / "editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)
    return {"EDITOR": str(file), "PATH": os.environ["PATH"]}


def no(err):
    return False


def left_in_memory(folder):
    return [path for place in MEMORY for path in place.glob(f"{private_text.prefix_of(folder.path)}*")]


class TestAPlaceInMemory:
    def test_it_is_private_and_is_gone_afterwards(self, tmp_path):
        with private_folder(tmp_path) as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert os.statvfs(folder).f_frsize
            assert private_text._is_memory(folder)
        assert not folder.exists()

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
    def test_it_is_gone_however_the_work_ends(self, tmp_path, error):
        folders = []

        def work():
            with private_folder(tmp_path) as folder:
                (folder / "text").write_text("secret")
                folders.append(folder)
                raise error

        with pytest.raises(error):
            work()
        assert not folders[0].exists()

    def test_a_disk_is_refused(self, tmp_path):
        if private_text._is_memory(tmp_path):
            pytest.fail("this test needs a temporary folder that is not memory")
        with pytest.raises(Damaged, match="is memory") as refused, private_folder(tmp_path, [tmp_path, Path("/none")]):
            pass
        assert refused.value.exit_code == 6
        assert list(tmp_path.iterdir()) == []

    def test_proc_and_links_to_a_disk_are_not_memory(self, tmp_path):
        link = tmp_path / "shm"
        link.symlink_to(tmp_path)
        assert not private_text._is_memory(link)
        assert not private_text._is_memory(Path("/proc"))

    def test_what_a_killed_command_left_is_removed_by_the_next_and_only_that(self, tmp_path):
        (place, *_) = MEMORY
        left = place / f"{private_text.prefix_of(tmp_path / 'one')}left"
        left.mkdir(mode=0o700)
        with private_folder(tmp_path / "two"):
            assert left.exists()
        with private_folder(tmp_path / "one"):
            assert not left.exists()


class TestTheEditor:
    @pytest.fixture
    def folder(self, tmp_path):
        with private_folder(tmp_path) as folder:
            yield folder

    def run(self, folder, tmp_path, script, text="text"):
        file = tmp_path / "an editor"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o700)
        return edited(folder, "x.yaml", text, {"EDITOR": f"'{file}' -w", "PATH": os.environ["PATH"], "SECRET": "s"})

    def test_its_words_are_a_shells_and_the_file_comes_last(self, folder, tmp_path):
        assert self.run(folder, tmp_path, 'echo "$1 $(stat -c %a "$2") $(cat "$2")" > "$2"') == "-w 600 text\n"

    def test_visual_comes_before_editor(self, folder):
        environ = {"VISUAL": "true", "EDITOR": "false", "PATH": os.environ["PATH"]}
        assert edited(folder, "x", "text", environ) == "text"

    def test_all_that_it_remembers_lies_in_memory_and_it_inherits_no_secret(self, folder, tmp_path):
        found = self.run(folder, tmp_path, 'env > "$2"')
        lines = dict(line.partition("=")[::2] for line in found.splitlines())
        assert lines["HOME"] == lines["TMPDIR"] == str(folder)
        assert "SECRET" not in lines

    def test_a_file_put_in_the_old_ones_place_is_read(self, folder, tmp_path):
        assert self.run(folder, tmp_path, 'echo new > "$2~"; mv "$2~" "$2"') == "new\n"

    @pytest.mark.parametrize(
        ("script", "why"),
        [
            ("exit 3", "ended with 3; nothing was changed"),
            ("kill -9 $$", "ended with -9"),
            ('rm "$2"', "cannot be read: No such file"),
            ('rm "$2"; ln -s /etc/hostname "$2"', "cannot be read"),
            ('rm "$2"; mkfifo "$2"', "is no file"),
            ('rm "$2"; mkdir "$2"', "directory"),
            ('printf "\\377" > "$2"', "not UTF-8"),
            ('head -c 1100000 /dev/zero > "$2"', "larger than 1 MiB"),
        ],
    )
    def test_what_it_leaves_is_judged(self, folder, tmp_path, script, why):
        with pytest.raises(UsageError, match=why):
            self.run(folder, tmp_path, script)

    @pytest.mark.parametrize("name", ["no-such-editor", "/", "'unbalanced"])
    def test_one_that_is_none_is_said(self, folder, name):
        with pytest.raises(UsageError) as refused:
            edited(folder, "x", "text", {"EDITOR": name, "PATH": os.environ["PATH"]})
        assert "EDITOR" in refused.value.hint

    def test_its_interrupt_stops_us_and_ours_does_not_stop_it(self, folder, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            self.run(folder, tmp_path, "kill -INT $$")
        # A terminal sends Ctrl-C to both; to an editor that catches it, it is a key.
        before = signal.getsignal(signal.SIGINT)
        assert self.run(folder, tmp_path, 'trap "" INT; kill -INT $PPID; echo done > "$2"') == "done\n"
        assert signal.getsignal(signal.SIGINT) == before


class TestAnEntry:
    def test_what_is_saved_is_sealed(self, opened):
        environ = editor(opened.folder, f'sed -i s/{SECRETS["wk1"]}/changed/ "$1"; echo "  more: yes" >> "$1"')
        assert edit(opened, "wk1", no, environ)
        after = opened.read("wk1")
        assert after.pillar["db"]["password"] == "changed"
        assert after.admin["more"] == "yes"
        assert after.pillar["mip"] == entry_of("wk1").pillar["mip"]

    @pytest.mark.parametrize("script", ["true", 'touch "$1"', 'echo "# a comment" >> "$1"'])
    def test_what_is_left_as_it_was_is_not_written(self, readable, script):
        before = readable.folder.entry("wk1").read_bytes()
        assert not edit(readable, "wk1", no, editor(readable.folder, script))
        assert readable.folder.entry("wk1").read_bytes() == before

    @pytest.mark.parametrize(
        ("script", "why"),
        [
            ('echo "pillar: {}" >> "$1"', "pillar stands twice"),
            ('echo "  [" >> "$1"', "line "),
            (': > "$1"', "must have two keys at its top"),
            ('echo "other: 1" >> "$1"', "must have two keys"),
            ('printf "pillar: 1\\nadmin: {}\\n" > "$1"', "pillar must be a mapping"),
            ('sed -i s/brain-wk1/other/ "$1"', "pillar.mip.identity of wk1 cannot be changed"),
            ('echo "  identity_passphrase: x" >> "$1"', "admin.identity_passphrase of wk1 cannot be changed"),
        ],
    )
    def test_what_is_wrong_is_2_and_the_entry_stays(self, readable, script, why):
        before = readable.folder.entry("wk1").read_bytes()
        with pytest.raises(UsageError, match=why):
            edit(readable, "wk1", no, editor(readable.folder, script))
        assert readable.folder.entry("wk1").read_bytes() == before

    def test_what_is_wrong_is_said_and_opened_again_as_it_was_left(self, opened):
        script = 'grep -q "  b: 2" "$1" && sed -i "s/^  a: 1$//" "$1" || printf "  a: 1\\n  a: 1\\n  b: 2\\n" >> "$1"'
        asked = []

        def again(err):
            asked.append(str(err))
            return True

        assert edit(opened, "wk1", again, editor(opened.folder, f"{script}; sed -i '0,/^  a: 1$/s///' \"$1\""))
        assert opened.read("wk1").admin["b"] == 2
        assert all("stands twice" in line for line in asked)

    def test_the_federations_own_secret_is_not_in_the_text_and_is_kept(self, opened):
        copy = opened.folder.path.parent / "seen"
        environ = editor(opened.folder, f'cp "$1" {copy}; sed -i "s/^admin: {{}}/admin: {{note: mine}}/" "$1"')
        secret = opened.read("federation").admin["identity_passphrase"]
        assert edit(opened, "federation", no, environ)
        assert "identity_passphrase" not in copy.read_text()
        assert secret not in copy.read_text()
        assert opened.read("federation").admin == {"identity_passphrase": secret, "note": "mine"}
        copy.unlink()

    def test_without_memory_nothing_is_readable(self, readable, monkeypatch, tmp_path):
        monkeypatch.setattr(private_text, "_candidates", lambda: [tmp_path])
        with pytest.raises(Damaged, match="opened secrets are not written to a disk"):
            edit(readable, "wk1", no, editor(readable.folder, "true"))


class TestAtATerminal:
    WAITS = 'cp "$1" "$1.copy"; echo ready; read x; exit 0'

    def start(self, brain, script, **environ):
        made = editor(brain, script)
        return at_a_terminal(brain, "edit", "wk1", MIP_SALT_VAULT_PASSPHRASE=PASSPHRASE, **made, **environ)

    @pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 130), (signal.SIGHUP, 130)])
    def test_stopped_in_the_editor_the_text_goes_and_the_vault_closes(self, brain, signum, code):
        child = self.start(brain, self.WAITS)
        child.expect("ready")
        assert len(left_in_memory(brain)) == 1
        child.kill(signum)
        assert ended(child) == code
        assert left_in_memory(brain) == []
        assert not session.status(brain).agent

    def test_ctrl_c_ends_an_editor_that_does_not_catch_it(self, brain):
        child = self.start(brain, self.WAITS)
        child.expect("ready")
        child.sendintr()
        assert ended(child) == 130
        assert left_in_memory(brain) == []

    def test_killed_the_text_goes_with_the_next_edit(self, brain):
        child = self.start(brain, self.WAITS)
        child.expect("ready")
        child.kill(signal.SIGKILL)
        child.close()
        (left,) = left_in_memory(brain)
        assert os.fsencode(brain.path) not in os.fsencode(left)
        with session.open_session(brain, Answers()) as vault:
            edit(vault, "wk1", no, editor(brain, "true"))
        assert left_in_memory(brain) == []

    def test_a_wrong_text_is_opened_again_or_left(self, brain):
        before = brain.entry("wk1").read_bytes()
        child = self.start(brain, 'echo "  [" >> "$1"')
        child.expect("Open it again")
        child.sendline("y")
        child.expect("Open it again")
        child.sendline("n")
        assert ended(child) == 2
        assert brain.entry("wk1").read_bytes() == before
        assert left_in_memory(brain) == []
        deadline = time.monotonic() + 5
        while session.status(brain).agent and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not session.status(brain).agent

"""Killed at any step, install leaves the old version or the new one, whole; the next command finishes what was begun.

A process of its own forks one child for each event that changes something on disk or starts git (Python's audit hooks
tell of them), and the child kills itself with SIGKILL just before its n-th one. The upgrade is killed at every event;
the others at each rename, link and removal, which is where what counts changes.
"""

import json
import os
import subprocess
import sys

import pytest
from mip_salt.federation.document import begin
from mip_salt.federation.folder import Folder
from upstreams import make_upstreams
from wheelhouse import wheelhouse

DRIVER = """
import json, os, shutil, signal, sys
from pathlib import Path
from mip_salt.errors import MipError
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.versions.kept import announced, installed
from mip_salt.versions.source import EXAREME, MIP, source_of
from mip_salt.versions.wanted import Ref, Wanted, choose
from mip_salt.workflows import install as work

root, what, every, upstreams = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "every", sys.argv[4:]
CHANGES = {"os.rename", "os.symlink", "os.remove"}
CHANGES |= {"os.mkdir", "shutil.rmtree", "subprocess.Popen"} if every else set()
armed, seen, last = [], [], [0]


def hook(event, args):
    writes = every and event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR) and str(args[0]).startswith(str(root))
    if armed and (event in CHANGES or writes):
        seen.append(event)
        if len(seen) == armed[0]:
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(hook)


def work_on(folder, both, pair):
    return work.rollback(folder) if what == "rollback" else work.install(folder, pair, *both)


def state(folder):
    now = installed(folder)
    wrong = work.faults(folder, now) if now else []
    return [str(now), wrong, load(folder).versions.mip, announced(folder)]


rows = []
sources = [source_of(project, text) for project, text in zip((MIP, EXAREME), upstreams)]
with work.upstreams(*sources, lambda *_: None) as both:
    pair = choose(Wanted((Ref("version", "7.1.0"),)), None, *both).pair
    while True:
        folder = Folder(root / f"k{last[0]}")
        shutil.copytree(root / "brain", folder.path, symlinks=True)
        folder.document.write_text(folder.document.read_text().replace("brain", folder.name))
        pid = os.fork()
        if not pid:
            armed.append(last[0] + 1)
            work_on(folder, both, pair)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status)
        assert killed or os.WEXITSTATUS(status) == 0, status
        before = state(folder)
        try:
            work_on(folder, both, pair)
        except MipError as err:
            before.append(err.message)
        stray = [path.name for path in folder.versions.iterdir() if path.name.startswith(".")]
        rows.append({"killed": killed, "before": before, "after": state(folder), "stray": stray})
        if not killed:
            break
        last[0] += 1
print(json.dumps(rows))
"""
OLD, NEW = "MIP 7.0.0 with exareme 24.5.0", "MIP 7.1.0 with exareme 24.5.1"


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory):
    return [str(one) for one in make_upstreams(tmp_path_factory.mktemp("upstreams"))]


def killed(tmp_path, upstreams, what, releases, steps="renames"):
    folder = Folder(tmp_path / "brain")
    folder.create()
    begin(folder)
    for release in releases:
        install = [sys.executable, "-m", "mip_salt", "-q", "-y", "--root", tmp_path, "-f", "brain", "install"]
        sources = ["--mip-source", upstreams[0], "--exareme-source", upstreams[1]]
        environ = {**os.environ, "MIP_SALT_WHEELHOUSE": str(wheelhouse())}
        subprocess.run([*install, "--version", release, *sources], check=True, env=environ)
    call = [sys.executable, "-c", DRIVER, str(tmp_path), what, steps, *upstreams]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_an_upgrade_killed_at_any_step_leaves_the_old_version_or_the_new_one(tmp_path, upstreams):
    rows = killed(tmp_path, upstreams, "install", ["7.0.0"], "every")
    assert len(rows) > 25  # steps at which it was killed
    assert [row["killed"] for row in rows] == [True] * (len(rows) - 1) + [False]
    for row in rows:
        version, faults, recorded, announced = row["before"]
        assert version in (OLD, NEW)
        assert faults == []
        # Where the record is not yet that of the version in use, a note says that it is to follow.
        assert f"MIP {recorded} " in version or announced
        assert row["after"] == [NEW, [], "7.1.0", ""]
        assert row["stray"] == []
    assert {row["before"][0] for row in rows} == {OLD, NEW}


def test_a_first_install_killed_at_any_step_leaves_none_or_a_whole_one(tmp_path, upstreams):
    rows = killed(tmp_path, upstreams, "install", [])
    assert {row["before"][0] for row in rows} == {"None", NEW}
    assert all(row["before"][1] == [] and row["after"] == [NEW, [], "7.1.0", ""] for row in rows)


def test_a_rollback_killed_at_any_step_leaves_either_version_whole(tmp_path, upstreams):
    rows = killed(tmp_path, upstreams, "rollback", ["7.0.0", "7.1.0"])
    assert {row["before"][0] for row in rows} == {OLD, NEW}
    assert all(row["before"][1] == [] and row["after"] == [OLD, [], "7.0.0", ""] for row in rows)

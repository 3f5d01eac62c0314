"""A federation taken off this machine: kept before, named by hand, and nothing but it."""

import json
import os
import subprocess
import sys

import pytest
from mip_salt.errors import NodeFailed
from mip_salt.federation.document import load
from mip_salt.federation.folder import all_folders
from mip_salt.remote.results import Kind
from mip_salt.workflows import uninstall
from mip_salt.workflows.restore import plan, restore
from mip_salt.workflows.uninstall import clean_nodes, remove_folder
from vaults import Nobody


def mip_salt(brain, *words):
    call = [sys.executable, "-m", "mip_salt", "--root", str(brain.path.parent), "-f", "brain", "uninstall", *words]
    return subprocess.run(call, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def test_it_is_kept_first_and_can_be_had_back(brain):
    before = brain.document.read_text()
    done = mip_salt(brain, "--yes", "--leave-nodes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert not brain.path.exists()
    assert told["backup"] in done.stderr
    restore(plan(brain.backups / told["backup"], brain.path.parent, None, replace=False), Nobody())
    assert brain.document.read_text() == before


def test_only_that_federation_goes(brain):
    (brain.path.parent / "other").mkdir()
    (brain.path.parent / "other" / "mine").write_text("x")
    mip_salt(brain, "--yes", "--leave-nodes")
    assert (brain.path.parent / "other" / "mine").read_text() == "x"


def test_what_stays_on_the_nodes_is_told(brain):
    told = mip_salt(brain, "--yes", "--leave-nodes").stderr
    for word in ("ms, wk1, wk2", "mip-salt:brain", "authorized_keys", "/etc/sudoers.d/mip-salt", "Docker"):
        assert word in told


def test_nobody_there_to_type_its_name_means_no(brain):
    done = mip_salt(brain, "--leave-nodes")
    assert done.returncode == 2
    assert brain.exists()
    assert not brain.backups.exists()


def test_what_cannot_be_kept_is_not_removed(brain):
    brain.entry("wk1").write_text("in: clear")
    assert mip_salt(brain, "--yes", "--leave-nodes").returncode == 6
    assert brain.exists()


def test_a_link_in_it_is_removed_and_what_it_leads_to_stays(brain, tmp_path):
    (tmp_path / "mine").write_text("x")
    (brain.states / "link").symlink_to(tmp_path)
    remove_folder(brain)
    assert (tmp_path / "mine").read_text() == "x"
    assert all_folders(brain.path.parent) == []


def test_what_a_killed_one_left_is_gone_after_the_next(brain):
    left = brain.path.parent / ".mip-removed.brain"
    left.mkdir()
    (left / "half").write_text("x")
    remove_folder(brain)
    assert list(brain.path.parent.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a root that is not the owner's")
def test_under_a_root_of_another_all_but_the_empty_folder_goes(brain):
    os.chown(brain.path.parent, 0, 0)
    brain.path.parent.chmod(0o755)
    for path in (brain.path, *brain.path.rglob("*")):
        os.chown(path, 65534, 65534)
    pid = os.fork()
    if not pid:
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os._exit(0 if remove_folder(brain) == brain.path else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert list(brain.path.iterdir()) == []


class SeatOf:
    """What a workflow needs of a seat when no node is spoken to."""

    def __init__(self, folder):
        self.folder = folder


def cleaned(brain, monkeypatch, *fail):
    """Clean the nodes where the machines themselves are not there: what is asked of each is noted instead."""
    import asyncio

    asked = []

    async def clean(seat, name):
        asked.append(name)
        if name in fail:
            raise NodeFailed("its disk is full", hint="Free some.")

    monkeypatch.setattr(uninstall, "clean", clean)
    return asked, asyncio.run(clean_nodes(SeatOf(brain)))


def test_a_clean_node_is_forgotten_and_one_that_is_not_stays(brain, monkeypatch):
    _, results = cleaned(brain, monkeypatch, "wk1")
    assert {r.id: r.kind for r in results} == {"ms": Kind.CHANGED, "wk1": Kind.FAILED, "wk2": Kind.CHANGED}
    assert load(brain).ids() == ["wk1"]


@pytest.mark.parametrize(("fail", "asked"), [((), ["wk1", "wk2", "ms"]), (("wk2",), ["wk1", "wk2"])])
def test_a_bastion_is_cleaned_last_and_only_if_nobody_needs_it_any_more(brain, monkeypatch, fail, asked):
    text = brain.document.read_text().replace("hostname: brain-wk", "bastion: ms, hostname: brain-wk")
    brain.document.write_text(text)
    assert cleaned(brain, monkeypatch, *fail)[0] == asked

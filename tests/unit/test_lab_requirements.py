"""What a machine must have to be a lab; told at once, with what to do, and nothing done."""

import os
import stat
import sys

import pytest
from mip_salt.errors import Damaged
from mip_salt.lab import requirements
from mip_salt.lab.lab import Lab


@pytest.fixture
def root(monkeypatch):
    """Pretend to be root: a test machine's user need not be."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Give a folder that holds all tools there are."""
    monkeypatch.setattr(requirements, "_path", lambda: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def tool(folder, name, script="exit 0"):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_what_is_missing_is_told_with_the_command_that_installs_it(root, tools):
    for name in set(requirements.TOOLS) - {"mmdebstrap", "systemd-nspawn"}:
        tool(tools, name)
    with pytest.raises(Damaged) as caught:
        requirements.require()
    assert caught.value.exit_code == 6
    assert caught.value.message == "a lab needs mmdebstrap, systemd-container, not installed here"
    assert "apt-get install --no-install-recommends mmdebstrap systemd-container" in caught.value.hint


def test_a_machine_that_has_all_may_go_on(root, tools):
    for name in requirements.TOOLS:
        tool(tools, name)
    assert requirements.require() is None  # and it installed nothing: nothing of apt stands in this PATH


def test_what_is_missing_is_installed_if_asked(root, tools):
    for name in set(requirements.TOOLS) - {"mmdebstrap"}:
        tool(tools, name)
    tool(tools, "apt-get", f'echo "$@" >> {tools}/asked; [ "$1" = update ] || /bin/cp {tools}/ip {tools}/mmdebstrap')
    told = []
    requirements.require(install=True, progress=told.append)
    assert (tools / "asked").read_text() == "update -qq\ninstall -y -qq --no-install-recommends mmdebstrap\n"
    assert told == ["installing mmdebstrap"]


def test_apt_s_own_error_is_told(root, tools):
    tool(tools, "apt-get", "echo 'E: no network' >&2; exit 100")
    with pytest.raises(Damaged, match="apt-get update failed: E: no network"):
        requirements.require(install=True)


def test_without_root_nothing_is_done(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for work in (requirements.require, Lab(tmp_path / "lab").up, Lab(tmp_path / "lab").down):
        with pytest.raises(Damaged, match="needs root"):
            work()
    assert list(tmp_path.iterdir()) == []


def test_only_linux_can_be_a_lab(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Damaged, match="not Linux"):
        requirements.require()

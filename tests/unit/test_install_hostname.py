"""`install --hostname`: this machine's name, settled before anything is installed."""

import os
import subprocess
import sys

import pytest


def install(root, *words):
    call = [sys.executable, "-m", "mip_salt", "--root", str(root), "-f", "brain", "install", "--no-input", *words]
    return subprocess.run(call, capture_output=True, text=True, timeout=60)


def test_what_is_no_hostname_stops_it_before_anything_is_made(tmp_path):
    done = install(tmp_path, "--hostname", "a_b")
    assert done.returncode == 2
    assert "not a hostname" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set a hostname")
def test_the_name_that_it_has_is_told_and_the_install_goes_on(tmp_path):
    done = install(tmp_path, "--hostname", os.uname().nodename, "--mip-source", str(tmp_path / "gone"))
    assert "already" in done.stderr
    assert f"{tmp_path}/gone cannot be read" in done.stderr

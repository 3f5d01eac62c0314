"""What the kernel says of a process, whatever that calls itself."""

import os
import shutil
import subprocess

import pytest
from mip_salt.process_stat import GONE, stat
from waiting import until


@pytest.mark.parametrize("name", ["plain", "two words", "a) R 1 (b", "((", "))"])
def test_it_is_told_whatever_its_name_holds(tmp_path, name):
    shutil.copy(shutil.which("sleep"), tmp_path / name)
    with subprocess.Popen([tmp_path / name, "60"]) as process:
        assert until(lambda: stat(process.pid).name == name)
        told = stat(process.pid)
        assert told.parent == os.getpid()
        assert told.state in "RSD"
        assert stat(os.getpid()).started <= told.started
        process.kill()
        assert until(lambda: stat(process.pid).state == "Z")
        assert stat(process.pid).started == told.started
    assert stat(process.pid) == GONE


def test_what_is_no_process_is_gone():
    assert stat(0) == stat(-1) == GONE

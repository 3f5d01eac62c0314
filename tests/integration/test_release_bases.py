"""The disks that a lab's nodes share, one a release: whose tests boot them find them built."""

import os
import shutil
from pathlib import Path

import pytest
from mip_salt.lab.base import USER, base_path, build
from mip_salt.lab.lab import default_folder
from mip_salt.lab.sources import RELEASES
from mip_salt.lab.tools import silent

needed = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mmdebstrap"), reason="needs root and mmdebstrap")


@needed
@pytest.mark.parametrize("release", sorted(RELEASES))
def test_a_base_is_debian_of_its_release_with_an_administrator_and_no_host_keys(release):
    cache = Path(os.environ.get("MIP_SALT_LAB_BASE") or default_folder() / "base")
    base = base_path(cache, release, docker=True)
    build(base, release, True, silent)
    assert f"VERSION_CODENAME={release}\n" in (base / "etc/os-release").read_text()
    assert f"{USER}:x:" in (base / "etc/passwd").read_text()
    assert (base / "usr/sbin/dockerd").exists()
    assert list((base / "etc/ssh").glob("ssh_host_*")) == []
    assert not (base / "etc/machine-id").exists() or (base / "etc/machine-id").stat().st_size == 0

"""Which of Salt's modules go to a node: those of a Debian or Ubuntu, and none that makes all others load."""

import io
import tarfile

import pytest
from mip_salt.remote.thin import thin


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    packed = thin(tmp_path_factory.mktemp("thin"))
    with tarfile.open(fileobj=io.BytesIO(packed.data)) as archive:
        return set(archive.getnames())


def test_what_a_debian_node_works_with_is_sent(names):
    assert {"aptpkg", "debian_ip", "dpkg_lowpkg", "file", "systemd_service"} <= modules(names, "modules")
    assert {"file", "host", "pkg", "service", "ssh_auth", "user"} <= modules(names, "states")


def test_what_loads_every_other_module_or_belongs_to_another_system_is_not(names):
    assert not {"idem", "yumpkg", "zypperpkg", "pacmanpkg", "rh_service"} & modules(names, "modules")
    assert "idem" not in modules(names, "states")


def modules(names: set[str], kind: str) -> set[str]:
    place = f"salt/{kind}/"
    return {name.removeprefix(place).removesuffix(".py") for name in names if name.startswith(place)}

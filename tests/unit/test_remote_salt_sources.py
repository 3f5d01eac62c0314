"""Which of Salt's modules go to a node: those of a Debian or Ubuntu, and none that makes all others load."""

import pytest
from mip_salt.remote.salt_sources import of_salt


@pytest.fixture(scope="module")
def names() -> set[str]:
    return set(of_salt())


def test_what_a_debian_node_works_with_is_sent(names):
    assert {"aptpkg", "debian_ip", "dpkg_lowpkg", "file", "systemd_service"} <= modules(names, "modules")
    assert {"file", "host", "pkg", "service", "ssh_auth", "user"} <= modules(names, "states")


def test_what_loads_every_other_module_or_belongs_to_another_system_is_not(names):
    assert not {"idem", "yumpkg", "zypperpkg", "pacmanpkg", "rh_service"} & modules(names, "modules")
    assert "idem" not in modules(names, "states")


def test_what_modules_read_besides_python_is_sent(names):
    assert {"salt/_version.txt", "salt/templates/debian_ip/debian_eth.jinja"} <= names


def modules(names: set[str], kind: str) -> set[str]:
    place = f"salt/{kind}/"
    return {name.removeprefix(place).removesuffix(".py") for name in names if name.startswith(place)}

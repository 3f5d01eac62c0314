"""How a node is reached."""

import pytest
from mip_salt.federation.address import join_address, split_address, valid_hostname


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("10.0.0.11", ("10.0.0.11", 22)),
        ("10.0.0.11:2222", ("10.0.0.11", 2222)),
        ("WK1.Hospital.org", ("wk1.hospital.org", 22)),
        ("wk1:2222", ("wk1", 2222)),
        ("2001:DB8:0::11", ("2001:db8::11", 22)),
        ("[2001:db8::11]:2222", ("2001:db8::11", 2222)),
        ("[2001:db8::11]", ("2001:db8::11", 22)),
        ("fe80::1%eth0", ("fe80::1%eth0", 22)),
        ("  10.0.0.11 ", ("10.0.0.11", 22)),
    ],
)
def test_an_address_is_a_name_an_ipv4_or_an_ipv6_with_or_without_port(typed, meant):
    assert split_address(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-oProxyCommand=reboot",
        "a b",
        "10.0.0.256",
        "10.0.0",
        "wk1:",
        "wk1:0",
        "wk1:65536",
        "wk1:2a",
        "user@wk1",
        "$(reboot)",
        "[::1",
        "[wk1]:22",
        "::1%" + "z" * 16,
        "10.0.0.1%eth0",
        "a" * 64,
        "wk_1",
    ],
)
def test_anything_else_is_refused_with_the_rule(typed):
    with pytest.raises(ValueError, match=r"address|port"):
        split_address(typed)


@pytest.mark.parametrize(
    ("address", "port", "shown"),
    [("wk1", 22, "wk1"), ("wk1", 23, "wk1:23"), ("::1", 22, "::1"), ("::1", 23, "[::1]:23")],
)
def test_a_port_is_shown_only_where_it_is_not_22(address, port, shown):
    assert join_address(address, port) == shown
    assert split_address(shown) == (address, port)


@pytest.mark.parametrize("name", ["brain-wk1", "wk1.hospital.org", "a" * 63, "1"])
def test_a_hostname_is_lower_case_labels(name):
    assert valid_hostname(name) == name


@pytest.mark.parametrize(
    "name", ["Wk1", "localhost", "localhost.localdomain", "a" * 64, "-a", "a-", "a..b", "$(x)", "", "a\n"]
)
def test_other_hostnames_are_refused(name):
    with pytest.raises(ValueError, match="hostname"):
        valid_hostname(name)

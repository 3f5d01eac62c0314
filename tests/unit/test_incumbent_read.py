"""A federation of the incumbent, as it is read: nodes, settings, and every flaw with its line."""

import pytest
from incumbents import ANSIBLE, Incumbent, brain, node, seal
from mip_salt.errors import LoginRefused
from mip_salt.incumbent.ansible_vault import unseal
from unit.readings import nodes_of, passwords_of, read_at, read_with, told


@pytest.fixture
def usual(tmp_path):
    return brain().write(tmp_path)


# --- nodes ------------------------------------------------------------------------------------------------------


def test_every_node_has_id_address_user_hostname_and_password(usual):
    found = read_at(usual)
    assert [(n.id, n.address, n.port, n.user, n.hostname, n.enabled) for n in found.nodes] == [
        ("ms", "10.0.0.11", 22, "mipadmin", "brain-ms", True),
        ("ui", "10.0.0.12", 22, "mipadmin", "brain-ui", True),
        ("wk1", "10.0.0.21", 22, "mipadmin", "chuv", True),
        ("wk2", "10.0.0.22", 22, "mipadmin", "chuv-dev", True),
    ]
    assert passwords_of(found) == {"ms": "pw-of-ms", "ui": None, "wk1": "pw-of-chuv", "wk2": "pw-of-chuv-dev"}


def test_no_password_shows_in_a_repr(usual):
    assert "pw-of" not in repr(read_at(usual))


def test_a_disabled_node_is_disabled_and_the_others_keep_their_addresses(tmp_path):
    """Disabling the first left its Hostname to all (D10)."""
    made = brain()
    made.disabled = {"ms"}
    found = nodes_of(read_at(made.write(tmp_path)))
    assert [found[name].enabled for name in ("ms", "ui", "wk1")] == [False, True, True]
    assert found["wk1"].address == "10.0.0.21"


def test_a_port_added_by_hand_is_kept(tmp_path):
    made = brain()
    made.nodes["wk1"]["port"] = 2222
    assert nodes_of(read_at(made.write(tmp_path)))["wk1"].port == 2222


def test_a_worker_that_moved_keeps_its_password_and_takes_sshs_address(tmp_path):
    """mip's names of workers are their old addresses (D12)."""
    made = brain()
    config = made.config().replace("10.0.0.21", "10.0.0.31").encode()
    found = read_with(tmp_path, {".ssh/config": config})
    assert (nodes_of(found)["wk1"].address, passwords_of(found)["wk1"]) == ("10.0.0.31", "pw-of-chuv")
    assert "Ansible went to 10.0.0.21 for wk1" in told(found)


def test_one_address_that_begins_another_is_not_taken_for_it(tmp_path):
    made = Incumbent({"wk1": node("10.0.0.1", "a", "pw-a"), "wk2": node("10.0.0.10", "b", "pw-b")})
    assert passwords_of(read_at(made.write(tmp_path))) == {"wk1": "pw-a", "wk2": "pw-b"}


def test_a_worker_known_by_name_takes_the_resolved_ones_password_without_a_flaw(tmp_path):
    config = brain().config().replace("10.0.0.21", "chuv.example.org").encode()
    found = read_with(tmp_path, {".ssh/config": config})
    assert passwords_of(found)["wk1"] == "pw-of-chuv"
    assert told(found) == ""


def test_the_password_of_another_user_is_not_sent(tmp_path):
    config = brain().config().replace("User mipadmin", "User root", 1).encode()
    found = read_with(tmp_path, {".ssh/config": config})
    assert passwords_of(found)["ms"] is None
    assert "is that of mipadmin, not of root: not used" in told(found)


@pytest.mark.parametrize(
    ("before", "after", "line", "why"),
    [
        ("Host wk1 chuv", "Host chuv", 11, "does not say which node it is"),
        ("Host wk1 chuv", "Host *", 11, "is a pattern"),
        ("Host wk2 chuv-dev", "Host wk1 chuv-dev", 16, "wk1 stands twice"),
        ("Host wk2 chuv-dev", "Host wk9 chuv-dev", 16, "not in mip's order"),
        ("Hostname 10.0.0.21", "Hostname $(reboot)", 12, "an address is"),
        ("Hostname 10.0.0.22", "Hostname 10.0.0.21", 16, "has the address of wk1"),
        ("User mipadmin\n", "User mipadmin\n  Port 0x16\n", 4, "a port is a number"),
        ("User mipadmin", "User -oProxyCommand=id", 3, "is no user"),
        ("  Hostname 10.0.0.21\n", "#  Hostname 10.0.0.21\n", 11, "wk1 has no Hostname: not kept"),
        ("  User mipadmin\n", "", 1, "ms has no User: not kept"),
        ("Host wk1 chuv", "Host wk1 CHUV", 11, "rename the machine"),
        ("  User mipadmin", "  User mipadmin\n  ProxyJump gate", 4, "name the bastion"),
        ("  User mipadmin", "  User mipadmin\n  User root", 4, "a second user"),
        ("Host ms brain-ms", "Compression yes\nHost ms brain-ms", 1, "stands in no node's block"),
    ],
)
def test_every_flaw_of_the_ssh_config_is_told_with_its_line(tmp_path, before, after, line, why):
    config = brain().config().replace(before, after, 1).encode()
    flaws = read_with(tmp_path, {".ssh/config": config}).flaws
    assert any((flaw.file, flaw.line) == (".ssh/config", line) and why in flaw.text for flaw in flaws), flaws


@pytest.mark.parametrize(
    ("before", "after", "line", "why"),
    [
        ("[worker10_0_0_21]", "[]", 15, "a group without a name"),
        ("worker10_0_0_21 hostname=chuv", " hostname=chuv", 17, "without a machine's name"),
        ("master home_path=/opt/mip/", 'master home_path="/opt', 3, "a quote that does not end"),
        ("master home_path=/opt/mip/", "master color=red", 3, "color is not kept"),
        ("[workers]", "[workers:vars]", 11, "is not read"),
        ("worker10_0_0_21 ansible_host=10.0.0.21", "worker10_0_0_21 ansible_host=", 16, "has no ansible_host"),
        ("worker10_0_0_21 hostname=chuv\n", "worker10_0_0_21 hostname=chuv-dev\n", 17, "not used for wk2"),
        ("data_path=/data/brain/", "data_path=/FED/../etc/", 4, "no folder that data may lie in"),
    ],
)
def test_every_flaw_of_the_inventory_is_told_with_its_line(tmp_path, before, after, line, why):
    hosts = brain().hosts()
    assert before in hosts
    flaws = read_with(tmp_path, {f"{ANSIBLE}/hosts.ini": hosts.replace(before, after, 1).encode()}).flaws
    assert any((flaw.file, flaw.line) == ("hosts.ini", line) and why in flaw.text for flaw in flaws), flaws


def test_a_machine_of_the_inventory_alone_is_told(tmp_path):
    hosts = brain().hosts() + "\n[worker10_0_0_99]\nworker10_0_0_99 ansible_host=10.0.0.99\n"
    assert "worker10_0_0_99 is no node of the ssh config" in told(
        read_with(tmp_path, {f"{ANSIBLE}/hosts.ini": hosts.encode()})
    )


def test_without_an_inventory_there_are_nodes_without_passwords(tmp_path):
    found = read_with(tmp_path, {f"{ANSIBLE}/hosts.ini": None})
    assert passwords_of(found) == dict.fromkeys(("ms", "ui", "wk1", "wk2"))
    assert "hosts.ini: is missing or empty" in told(found)


# --- the vault --------------------------------------------------------------------------------------------------


def test_a_vault_left_decrypted_is_used_and_told_as_a_leak(tmp_path):
    found = read_with(tmp_path, {f"{ANSIBLE}/vault.yaml": brain().vault().encode()})
    assert passwords_of(found)["ms"] == "pw-of-ms"
    (flaw,) = found.flaws
    assert flaw.leak
    assert "change them on the nodes" in flaw.text


def test_what_a_stopped_configure_left_is_a_leak(tmp_path):
    found = read_with(tmp_path, {f"{ANSIBLE}/vault.yaml.tmp": brain().vault().encode()})
    assert [flaw.file for flaw in found.flaws if flaw.leak] == ["vault.yaml.tmp"]


def test_a_password_in_the_inventory_is_used_and_told_as_a_leak(tmp_path):
    hosts = brain().hosts().replace('"{{master_ssh_pass}}"', "in-the-open")
    found = read_with(tmp_path, {f"{ANSIBLE}/hosts.ini": hosts.encode()})
    assert passwords_of(found)["ms"] == "in-the-open"
    assert [flaw.line for flaw in found.flaws if flaw.leak] == [9]
    assert "in-the-open" not in told(found)


def test_a_damaged_vault_leaves_the_nodes(tmp_path):
    found = read_with(tmp_path, {f"{ANSIBLE}/vault.yaml": seal("x")[:-20]})
    assert len(found.nodes) == 4
    assert not found.opened
    assert "vault.yaml: is not whole" in told(found)


def test_a_wrong_passphrase_is_no_flaw_but_a_refusal(usual):
    with pytest.raises(LoginRefused):
        read_at(usual, lambda sealed: unseal(sealed, "wrong"))


def test_the_vault_is_not_looked_into_unless_asked(usual):
    assert set(passwords_of(read_at(usual, None)).values()) == {None}


# --- versions and settings --------------------------------------------------------------------------------------


def kept(found):
    return {value.name: value.value for value in found.kept}


@pytest.mark.parametrize(
    ("exareme", "versions"),
    [
        ("24.3.0", {"versions.mip": "6.5.1", "versions.exareme": "24.3.0"}),
        ("24.5.1", {"versions.mip": "7.1.0", "versions.exareme": "24.5.1"}),
        ("dev", {"versions.exareme": "dev"}),
        ("$(id)", {}),
    ],
)
def test_versions_are_kept(tmp_path, exareme, versions):
    made = brain()
    made.tag = exareme
    assert kept(read_at(made.write(tmp_path))) == versions


@pytest.mark.parametrize(("path", "value"), [("/data", None), ("/srv/data", "/srv/data")])
def test_the_path_of_the_data_is_kept_where_it_is_another_than_ours(tmp_path, path, value):
    made = brain()
    made.data = path
    assert kept(read_at(made.write(tmp_path))).get("settings.data.path") == value


@pytest.mark.parametrize(
    ("domain", "value"), [("brain.example.org", "brain.example.org"), ("localhost", None), ("../../etc", None)]
)
def test_the_domain_of_its_portainer_is_kept_where_it_is_one(tmp_path, domain, value):
    found = read_with(tmp_path, {f"{ANSIBLE}/group_vars/all.yaml": f'DOMAIN_NAME: "{domain}"\n'.encode()})
    assert kept(found).get("settings.portainer.domain") == value
    assert ("is no whole domain name" in str(told(found))) is (value is None)


def test_what_has_no_setting_is_told_and_no_secret_shown(tmp_path):
    environment = b"KEYCLOAK_CLIENT_SECRET=dae83a6b\nKEYCLOAK_URL=iam.ebrains.eu\nnonsense\n"
    variables = b'DOMAIN_NAME: "brain.example.org"\nPORTAINER_PORT: "9000"\n'
    compose = b"      - CONVERT_CSVS=TRUE   # TRUE / FALSE\n"
    found = read_with(
        tmp_path,
        {
            ".mipenv": environment,
            f"{ANSIBLE}/group_vars/all.yaml": variables,
            f"{ANSIBLE}/../Compose-Files/docker-compose-master.yml": compose,
        },
    )
    left = " ".join(value.what for value in found.left)
    for word in ("KEYCLOAK_URL=iam.ebrains.eu", "CONVERT_CSVS=TRUE", "(a secret)"):
        assert word in left
    assert "dae83a6b" not in left
    assert "PORTAINER" not in left
    assert ".mipenv, line 3" in told(found)

"""The web front end's variables: the incumbent's names and defaults, the federation's addresses, the vault's secret."""

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation.document import parse
from mip_salt.federation.front_end import SECRET, variables

NODES = "nodes: {ms: {role: master, address: 10.0.0.11}, ui: {role: ui, address: 10.0.0.12}}"


def federation(ui=""):
    return parse(f"mip: {{federation: brain, {NODES}, settings: {{ui: {{{ui}}}}}}}", "brain")


def sealed(value):
    return {"mip": {"ui": {"env": {SECRET: value}}}}


def refused(ui):
    with pytest.raises(Damaged) as caught:
        federation(ui)
    return str(caught.value)


def test_what_is_not_set_is_the_incumbents_default_or_the_federations_address():
    assert variables(federation()) == {
        "MIP_LINK": "direct",
        "EXTERNAL_MIP_PROTOCOL": "https",
        "PUBLIC_MIP_PROTOCOL": "http",
        "PUBLIC_MIP_HOST": "10.0.0.12",
        "EXAREME_IP": "10.0.0.11",
        "KEYCLOAK_AUTHENTICATION": "0",
        "KEYCLOAK_PROTOCOL": "https",
        "KEYCLOAK_URL": "iam.ebrains.eu",
        "KEYCLOAK_REALM": "MIP",
        "KEYCLOAK_CLIENT_ID": "mipfedqa",
        "KEYCLOAK_CLIENT_SECRET": "",
        "KEYCLOAK_SSL_REQUIRED": "external",
        "DATACATALOGUE_PROTOCOL": "https",
        "DATACATALOGUE_HOST": "datacatalogue.mip.ebrains.eu",
        "MIP_ENGINE_URL": "",
    }


@pytest.mark.parametrize(
    ("ui", "name", "value"),
    [
        ("link: proxied", "MIP_LINK", "proxied"),
        ("link: proxied, external_protocol: http", "EXTERNAL_MIP_PROTOCOL", "http"),
        ("external_protocol: http", "EXTERNAL_MIP_PROTOCOL", "https"),  # direct: the incumbent makes it https
        ("public_protocol: https", "PUBLIC_MIP_PROTOCOL", "https"),
        ("public_host: MIP.hospital.example", "PUBLIC_MIP_HOST", "mip.hospital.example"),
        ("public_host: 'mip.hospital.example:8443'", "PUBLIC_MIP_HOST", "mip.hospital.example:8443"),
        ("exareme_ip: 192.0.2.7", "EXAREME_IP", "192.0.2.7"),
        ("keycloak: {url: sso.example.org}", "KEYCLOAK_URL", "sso.example.org"),
        ("keycloak: {realm: brain}", "KEYCLOAK_REALM", "brain"),
        ("keycloak: {client_id: mip-brain}", "KEYCLOAK_CLIENT_ID", "mip-brain"),
        ("keycloak: {ssl_required: all}", "KEYCLOAK_SSL_REQUIRED", "all"),
        ("datacatalogue: {protocol: http}", "DATACATALOGUE_PROTOCOL", "http"),
        ("datacatalogue: {host: dc.example.org}", "DATACATALOGUE_HOST", "dc.example.org"),
    ],
)
def test_what_is_set_is_what_the_front_end_gets(ui, name, value):
    assert variables(federation(ui))[name] == value


@pytest.mark.parametrize(
    ("ui", "wanted"),
    [
        ("keycloak: {protocol: http}", "none"),
        ("keycloak: {protocol: http}, public_protocol: https", "external"),
        ("link: proxied, keycloak: {protocol: http}", "external"),
        ("link: proxied, external_protocol: http, keycloak: {protocol: http}", "none"),
    ],
)
def test_keycloak_wants_https_unless_nothing_on_the_way_speaks_it(ui, wanted):
    assert variables(federation(ui))["KEYCLOAK_SSL_REQUIRED"] == wanted


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "localhost", "localhost:8080", "0.0.0.0"])
def test_a_public_host_is_never_every_machines_own(host):
    assert "browsers would look for MIP on themselves" in refused(f"public_host: '{host}'")


@pytest.mark.parametrize(
    "host", ["https://mip.example", "mip example", "mip.example:0", "mip.example:99999", "1.2.3", ""]
)
def test_a_host_is_a_name_or_an_address_and_nothing_else(host):
    assert "mip.settings.ui.public_host: " in refused(f"public_host: '{host}'")


@pytest.mark.parametrize("address", ["brain-ms", "127.0.0.1", "2001:db8::1", "10.0.0"])
def test_exareme_is_reached_by_an_ipv4_address(address):
    assert "mip.settings.ui.exareme_ip: must be the master's IPv4 address" in refused(f"exareme_ip: '{address}'")


@pytest.mark.parametrize("realm", ["a b", "a=b", "a$b", "a\\nb", "-a", "#"])
def test_a_word_holds_nothing_that_compose_takes_for_more_than_text(realm):
    assert "mip.settings.ui.keycloak.realm: " in refused(f'keycloak: {{realm: "{realm}"}}')


def test_a_secret_is_no_setting():
    assert "mip.settings.ui.keycloak.client_secret: is not a setting here" in refused("keycloak: {client_secret: x}")


class TestTheSecret:
    """It rests in the vault's entry of the ui, and nowhere else."""

    def test_it_comes_from_the_vault(self):
        found = variables(federation("keycloak: {authentication: true}"), sealed("7f0c-A.b_c~d=="))
        assert (found["KEYCLOAK_AUTHENTICATION"], found[SECRET]) == ("1", "7f0c-A.b_c~d==")

    def test_without_it_nobody_could_log_in_so_nothing_is_started(self):
        with pytest.raises(Damaged) as caught:
            variables(federation("keycloak: {authentication: true}"))
        assert caught.value.hint == "Set it: mip-salt -f brain vault set ui pillar.mip.ui.env.KEYCLOAK_CLIENT_SECRET"

    @pytest.mark.parametrize(
        "value", ["", "a b", "a$b", "a'b", 'a"b', "a\nB=c", "a\\b", "a#b", "é", "x" * 201, 7, ["a"]]
    )
    def test_one_that_compose_would_read_as_another_is_refused_and_not_repeated(self, value):
        with pytest.raises(Damaged) as caught:
            variables(federation(), sealed(value))
        assert caught.value.hint.startswith("Set it as KeyCloak shows it")
        assert str(value) == "" or len(str(value)) < 3 or str(value) not in str(caught.value)

    def test_nothing_else_of_the_vault_becomes_a_variable(self):
        assert variables(federation(), {"mip": {"ui": {"env": {"PATH": "x"}}}}) == variables(federation())

"""The incumbent's vault: Ansible's format, opened in memory; and what mip wrote in it without quotes."""

import pytest
from incumbents import VAULT_PASSWORD, seal
from mip_salt.errors import Damaged, LoginRefused
from mip_salt.incumbent import ansible_vault
from mip_salt.incumbent.ansible_vault import as_bash_reads, unseal
from mip_salt.incumbent.flaws import Flaws
from mip_salt.incumbent.vault_values import parse

# Made by ansible-vault of ansible-core 2.19.14 with the same passphrase.
BY_ANSIBLE = b"""\
$ANSIBLE_VAULT;1.1;AES256
66613535383337623030303064373935313266323536356534663865313933643262346635356661
6162333136633730633639623032346466316134653937370a383636313464633134383063373232
61623064626432346130616131303730336635633031336366623663373865653736663562646133
3432613161343732330a366661373636373730366439323939653161353338343564623031333138
33306331656335346161366264303033366230333865343439623064383665333039
"""


def opened(data, password=VAULT_PASSWORD):
    return unseal(ansible_vault.read(data, "vault.yaml"), password)


@pytest.mark.parametrize("label", [None, "prod", "é"])
@pytest.mark.parametrize("plain", ["master_ssh_pass: é\n", "x", "a" * 16, "a" * 4000])
def test_formats_1_1_and_1_2_are_opened(plain, label):
    assert opened(seal(plain, label=label)).decode() == plain


def test_what_ansible_itself_wrote_is_opened():
    assert opened(BY_ANSIBLE).decode() == "master_ssh_pass: é 012345\n"


def test_a_wrong_passphrase_is_told_from_a_damaged_file():
    with pytest.raises(LoginRefused, match="does not open"):
        opened(seal("x"), "other")
    with pytest.raises(Damaged, match="not whole"):
        opened(seal("x")[:-8])


def test_a_flipped_bit_opens_nothing():
    sealed = ansible_vault.read(seal("master_ssh_pass: secret"), "vault.yaml")
    flipped = ansible_vault.Sealed(sealed.salt, sealed.hmac, bytes([sealed.text[0] ^ 1]) + sealed.text[1:])
    with pytest.raises(LoginRefused):
        unseal(flipped, VAULT_PASSWORD)


@pytest.mark.parametrize(
    "header", ["$ANSIBLE_VAULT;1.0;AES", "$ANSIBLE_VAULT;1.1;AES", "$ANSIBLE_VAULT;1.2;AES256", "$ANSIBLE_VAULT;"]
)
def test_another_format_is_named_with_its_line(header):
    body = seal("x").split(b"\n", 1)[1]
    with pytest.raises(Damaged, match="line 1"):
        ansible_vault.read(header.encode() + b"\n" + body, "vault.yaml")


def test_a_file_with_carriage_returns_is_read():
    assert opened(seal("x: y\n").replace(b"\n", b"\r\n")) == b"x: y\n"


@pytest.mark.parametrize(("typed", "read"), [("  a b ", "a b"), (r"pa\$s", "pa$s"), (r"a\\b", r"a\b"), ("a", "a")])
def test_a_passphrase_opens_as_it_was_typed_into_the_incumbents_prompt(typed, read):
    """bash's read took blanks and backslashes away before Ansible saw it."""
    assert as_bash_reads(typed) == read
    assert opened(seal("x", read), typed) == b"x"


def test_nothing_of_a_sealed_file_shows_in_its_repr():
    assert "b'" not in repr(ansible_vault.read(seal("x"), "vault.yaml"))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("012345", "took it for a number"),
        ("1_000", "took it for a number"),
        ("yes", "for true or false"),
        ("a #b", "only a part"),
        ("~", "nothing at all"),
        ("{a", "nothing at all"),
        ("@home", "nothing at all"),
        ("2001-01-01", "no text"),
        ("pa$word", "could not send"),
        ("pa[ss", "could not send"),
    ],
)
def test_what_ansible_misread_is_taken_as_typed_and_told_without_it(raw, told):
    flaws = Flaws("vault.yaml")
    values = parse(f"master_remote_user: mipadmin\nmaster_ssh_pass: {raw}\nmaster_become_pass: {raw}\n", flaws)
    assert values["master_ssh_pass"].text == values["master_become_pass"].text == raw
    (flaw,) = flaws.all()
    assert flaw.line == 2
    assert told in flaw.text
    assert raw not in flaw.text


@pytest.mark.parametrize("raw", ["secret", "a b", "é€", "a:b", "pw-of-ms", "a'b"])
def test_what_ansible_read_as_typed_is_no_flaw(raw):
    flaws = Flaws("vault.yaml")
    assert parse(f"master_ssh_pass: {raw}\n", flaws)["master_ssh_pass"].text == raw
    assert flaws.all() == []


@pytest.mark.parametrize("raw", ['"0123"', "'0123'"])
def test_quotes_somebody_added_against_that_are_taken_off(raw):
    flaws = Flaws("vault.yaml")
    assert parse(f"master_ssh_pass: {raw}\n", flaws)["master_ssh_pass"].text == "0123"
    assert "in quotes" in flaws.all()[0].text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("master_ssh_pass:", "is empty"),
        ("master_ssh_pass: !vault |", "not text"),
        ("_ssh_pass: x", "without a name"),
        ("something else", "not a line that mip writes"),
        ("x" * 5000, "not a line that mip writes"),
    ],
)
def test_a_line_that_gives_no_value_is_told(line, told):
    flaws = Flaws("vault.yaml")
    assert parse(line, flaws) == {}
    assert told in flaws.all()[0].text

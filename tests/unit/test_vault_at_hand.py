"""A command opens each node's entry once: what one process opened the next ones have, and no text that differs."""

import pytest
from mip_salt.errors import Damaged, LoginRefused, TrustRefused
from mip_salt.federation.files import write_atomic
from mip_salt.vault.at_hand import at_hand, forget
from mip_salt.vault.entries import Entry
from mip_salt.vault.keyring import Vault
from vaults import PASSPHRASE, entry_of


@pytest.fixture
def sealed(brain):
    """The sealed text of a node, in a vault that is open."""
    Vault(brain).unlock(PASSPHRASE)
    yield brain.entry("wk1").read_text()
    forget()


def test_what_was_opened_is_not_opened_again(brain, sealed):
    assert at_hand(brain).pillar("wk1", sealed) == entry_of("wk1").pillar
    Vault(brain).lock()
    assert at_hand(brain).pillar("wk1", sealed) == entry_of("wk1").pillar


def test_what_another_process_opened_is_not_opened_again(brain, sealed):
    at_hand(brain).pillar("wk1", sealed)
    told = at_hand(brain).opened("wk1")
    forget()
    Vault(brain).lock()
    at_hand(brain).learn("wk1", told)
    assert at_hand(brain).pillar("wk1", sealed) == entry_of("wk1").pillar
    assert at_hand(brain).opened("wk1") is None


def test_nothing_that_only_the_operator_sees_is_told(brain, sealed):
    at_hand(brain).pillar("wk1", sealed)
    assert "kept-password" not in str(at_hand(brain).opened("wk1"))


def test_a_text_that_changed_is_opened_anew(brain, sealed):
    at_hand(brain).pillar("wk1", sealed)
    Vault(brain).write("wk1", Entry({"db": {"password": "another"}}))
    assert at_hand(brain).pillar("wk1", brain.entry("wk1").read_text()) == {"db": {"password": "another"}}


def test_a_damaged_text_is_refused_though_the_whole_one_was_opened(brain, sealed):
    at_hand(brain).pillar("wk1", sealed)
    with pytest.raises(Damaged):
        at_hand(brain).pillar("wk1", sealed[:-40])


def test_the_text_of_another_node_is_refused_though_that_one_was_opened(brain, sealed):
    at_hand(brain).pillar("wk1", sealed)
    with pytest.raises(TrustRefused, match="sealed for another node"):
        at_hand(brain).pillar("wk2", sealed)


def test_who_changes_a_pillar_changes_no_other(brain, sealed):
    at_hand(brain).pillar("wk1", sealed)["db"]["password"] = "changed"
    at_hand(brain).pillar("wk1", sealed)["db"]["password"] = "changed"
    assert at_hand(brain).pillar("wk1", sealed) == entry_of("wk1").pillar


@pytest.mark.parametrize("change", [forget, "the keyring"])
def test_forgotten_or_with_another_keyring_it_is_opened_anew(brain, sealed, change):
    at_hand(brain).pillar("wk1", sealed)
    if change == "the keyring":
        ring = brain.gnupg / "pubring.kbx"
        write_atomic(ring, ring.read_bytes())
    else:
        change()
    Vault(brain).lock()
    with pytest.raises(LoginRefused, match="is locked"):
        at_hand(brain).pillar("wk1", sealed)

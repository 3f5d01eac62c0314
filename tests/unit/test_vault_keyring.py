"""The vault's keyring: what opens, what does not, and how it says why."""

import subprocess
import unicodedata

import pytest
from mip_salt.errors import Damaged, LoginRefused, TrustRefused, UsageError
from mip_salt.federation.folder import Folder
from mip_salt.vault.entries import HEADER, Entry
from mip_salt.vault.gpg import open_gpg
from mip_salt.vault.keyring import Vault
from vaults import KEPT, PASSPHRASE, SECRETS, copy_of, entry_of, short_folder


@pytest.fixture
def empty():
    """A federation folder without a vault."""
    with short_folder() as root:
        folder = Folder(root / "brain")
        folder.create()
        yield folder


def gpg_writes(folder, text, *arguments, passphrase=PASSPHRASE):
    """What somebody who has the keyring makes with gpg itself."""
    call = ["gpg", "--homedir", folder.gnupg, "--batch", "--armor", "--trust-model", "always", "--no-tty"]
    done = subprocess.run([*call, *arguments], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return HEADER + done.stdout


@pytest.mark.parametrize(
    "passphrase", ["correct horse é", "twelve € signs", "battery 🐎🔋 staple", "  blanks  around  ", "x" * 255]
)
def test_any_unicode_passphrase_opens_what_it_closed(empty, passphrase):
    vault = Vault(empty)
    vault.create(passphrase)
    vault.unlock(passphrase)
    sealed = vault.seal("wk1", Entry({"a": "é€🔋"}))
    vault.unlock(passphrase)
    assert vault.open("wk1", sealed) == Entry({"a": "é€🔋"})


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_is_the_same_however_the_keyboard_composes_it(brain, form):
    typed = unicodedata.normalize(form, PASSPHRASE)
    Vault(brain).unlock(typed)
    assert Vault(brain).read("wk1") == entry_of("wk1")


@pytest.mark.parametrize(
    "wrong", ["", " ", PASSPHRASE + " ", PASSPHRASE.replace("é", "e"), "a\nb", "a\0b", "\udcff", "x" * 255, "x" * 256]
)
def test_a_wrong_passphrase_is_refused_and_leaves_it_locked(brain, wrong):
    vault = Vault(brain)
    with pytest.raises(LoginRefused, match="wrong passphrase for the vault of brain"):
        vault.unlock(wrong)
    assert not vault.unlocked()
    with pytest.raises(LoginRefused, match="is locked"):
        vault.read("wk1")


def test_an_open_vault_does_not_accept_a_wrong_passphrase(brain):
    vault = Vault(brain)
    vault.unlock(PASSPHRASE)
    with pytest.raises(LoginRefused, match="wrong passphrase"):
        vault.unlock("not that one")
    assert not vault.unlocked()


def test_a_locked_vault_neither_opens_nor_seals(brain):
    vault = Vault(brain)
    for work in (lambda: vault.read("wk1"), lambda: vault.read("federation"), lambda: vault.seal("wk1", Entry())):
        with pytest.raises(LoginRefused, match="is locked") as refused:
            work()
        assert refused.value.hint == "Run: mip-salt -f brain vault unlock"


def test_nothing_opens_after_lock(brain):
    vault = Vault(brain)
    vault.unlock(PASSPHRASE)
    assert vault.read("wk1") == entry_of("wk1")
    vault.lock()
    for _ in range(3):
        with pytest.raises(LoginRefused, match="is locked"):
            Vault(brain).read("wk1")


def test_an_entry_holds_two_parts_and_shows_neither_in_a_trace(readable):
    entry = readable.read("wk1")
    assert entry.pillar["db"]["password"] == SECRETS["wk1"]
    assert entry.admin["password"] == KEPT["wk1"]
    assert SECRETS["wk1"] not in repr(entry)
    assert KEPT["wk1"] not in repr(entry)


@pytest.mark.parametrize("value", ["yes", "012345", "1e3", "{{ 1+1 }}", "pa ss'\"$[]\\#:%é", "x\n", True, 1, 1.0, None])
def test_a_value_comes_back_as_it_went_in(readable, value):
    back = readable.open("wk1", readable.seal("wk1", Entry({"v": value}))).pillar["v"]
    assert (back, type(back)) == (value, type(value))


def test_what_could_not_be_opened_again_is_not_written(opened):
    import secrets

    before = opened.folder.entry("wk1").read_bytes()
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        opened.write("wk1", Entry({"v": secrets.token_hex(1_500_000)}))
    assert opened.folder.entry("wk1").read_bytes() == before


class TestAnEntryThatIsNotAsItWasSealed:
    def test_copied_from_another_node_is_refused(self, readable):
        text = readable.folder.entry("wk2").read_text()
        with pytest.raises(TrustRefused, match="wk1: its vault entry was sealed for another node"):
            readable.open("wk1", text)

    def test_copied_from_another_federation_is_never_opened(self, readable, mind):
        # It is sealed to a key that this ring does not have.
        with pytest.raises(Damaged, match="wk1: its vault entry is damaged"):
            readable.open("wk1", mind.entry("wk1").read_text())

    def test_of_a_federation_with_the_same_key_is_refused(self, readable, made_once):
        with short_folder() as root:
            renamed = Vault(copy_of(made_once, root / "mind"))
            renamed.unlock(PASSPHRASE)
            with pytest.raises(TrustRefused, match="another node or federation"):
                renamed.read("wk1")

    @pytest.mark.parametrize("text", ["", HEADER, "\n", HEADER + "-----BEGIN PGP MESSAGE-----\n"])
    def test_emptied_is_damaged(self, readable, text):
        with pytest.raises(Damaged, match="wk1: its vault entry is damaged"):
            readable.open("wk1", text)

    def test_without_its_first_line_is_damaged(self, readable):
        with pytest.raises(Damaged):
            readable.open("wk1", readable.folder.entry("wk1").read_text().removeprefix(HEADER))

    def test_missing_is_said(self, readable):
        with pytest.raises(Damaged, match="wk9: it has no vault entry"):
            readable.read("wk9")

    def test_of_odd_bytes_is_damaged(self, opened):
        opened.folder.entry("wk1").write_bytes(b"#!mip_vault\n\xff\xfe")
        with pytest.raises(Damaged, match="wk1: its vault entry is damaged"):
            opened.read("wk1")

    def test_encrypted_but_not_signed_is_refused(self, readable):
        text = '{"federation": "brain", "id": "wk1", "pillar": {}, "admin": {}}'
        with pytest.raises(TrustRefused, match="not signed by the vault's key"):
            readable.open("wk1", gpg_writes(readable.folder, text, "-e", "-r", readable.fingerprint))
        with pytest.raises(Damaged):
            readable.open("wk1", gpg_writes(readable.folder, text, "--store"))

    def test_signed_but_not_encrypted_is_refused(self, readable):
        text = '{"federation": "brain", "id": "wk1", "pillar": {}, "admin": {}}'
        with pytest.raises(Damaged):
            readable.open("wk1", gpg_writes(readable.folder, text, "--sign", "-u", readable.fingerprint))

    def test_signed_by_another_key_is_refused(self, readable, mind):
        """Whoever has the public key can encrypt to the vault; that alone makes no entry."""
        with short_folder() as root:
            forger = Vault(copy_of(mind, root / "mind"))
            forger.unlock(PASSPHRASE)
            public = open_gpg(readable.folder.gnupg).export_keys(readable.fingerprint)
            open_gpg(forger.folder.gnupg).import_keys(public)
            text = '{"federation": "brain", "id": "wk1", "pillar": {"forged": true}, "admin": {}}'
            who = ["-u", forger.fingerprint, "-r", readable.fingerprint]
            forged = gpg_writes(forger.folder, text, "--sign", "--encrypt", *who)
            with pytest.raises(TrustRefused, match="not signed by the vault's key"):
                readable.open("wk1", forged)

    @pytest.mark.parametrize("order", ["good first", "good last"])
    def test_with_a_second_message_beside_is_refused(self, readable, order):
        good = readable.folder.entry("wk1").read_text()
        other = gpg_writes(readable.folder, '{"forged": true}', "-e", "-r", readable.fingerprint).removeprefix(HEADER)
        text = good + other if order == "good first" else HEADER + other + good.removeprefix(HEADER)
        with pytest.raises(Damaged, match="wk1: its vault entry is damaged"):
            readable.open("wk1", text)

    def test_signed_by_the_vault_but_no_entry_of_ours_is_damaged(self, readable):
        who = ["--sign", "--encrypt", "-u", readable.fingerprint, "-r", readable.fingerprint]
        for text in ("not JSON", "[]", '{"federation": "brain", "id": "wk1"}'):
            with pytest.raises(Damaged, match="not one of mip-salt's"):
                readable.open("wk1", gpg_writes(readable.folder, text, *who))
        latin = subprocess.run(
            ["gpg", "--homedir", readable.folder.gnupg, "--batch", "--armor", *who], input=b"\xe9", capture_output=True
        )
        with pytest.raises(Damaged, match="not one of mip-salt's"):
            readable.open("wk1", HEADER + latin.stdout.decode())

    def test_leaves_the_other_nodes_usable(self, opened):
        opened.folder.entry("wk1").write_text("")
        with pytest.raises(Damaged):
            opened.read("wk1")
        assert opened.read("wk2") == entry_of("wk2")


def test_a_bit_flipped_anywhere_is_damaged(readable):
    good = readable.folder.entry("wk1").read_text()
    body = range(len(HEADER), len(good))
    for position in [*body[:4], *body[40::29], *body[-34:-1:4]]:
        for bit in (1, 32):
            text = good[:position] + chr(ord(good[position]) ^ bit) + good[position + 1 :]
            with pytest.raises(Damaged, match="wk1: its vault entry is damaged"):
                readable.open("wk1", text)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.96, 0.97, 0.98, 0.99])
def test_a_truncated_entry_is_damaged(readable, kept):
    good = readable.folder.entry("wk1").read_text()
    with pytest.raises(Damaged, match="wk1: its vault entry is damaged"):
        readable.open("wk1", good[: int(len(good) * kept)])


class TestMaking:
    def test_the_key_signs_and_its_subkey_decrypts_and_neither_ends(self, readable):
        (key,) = readable._gpg.list_keys(True)
        assert key["cap"] == "scESC"
        assert [sub["cap"] for sub in key["subkey_info"].values()] == ["e"]
        assert key["expires"] == ""

    def test_everything_is_private(self, brain):
        modes = {path: path.lstat().st_mode for path in brain.path.rglob("*")}
        assert {oct(mode & 0o777) for path, mode in modes.items() if path.is_dir()} == {"0o700"}
        assert {oct(mode & 0o777) for path, mode in modes.items() if path.is_file()} == {"0o600"}

    def test_every_guess_at_the_passphrase_costs_what_docs_say(self, empty):
        Vault(empty).create(PASSPHRASE)
        keys = [path.read_bytes() for path in (empty.gnupg / "private-keys-v1.d").iterdir()]
        assert len(keys) == 2
        assert all(b"16777216" in key for key in keys)

    def test_what_a_killed_run_left_is_replaced_as_long_as_nothing_was_sealed(self, empty):
        first = Vault(empty)
        first.create("a first passphrase")
        mark = first.fingerprint
        second = Vault(empty)
        second.create(PASSPHRASE)
        assert second.fingerprint != mark
        second.unlock(PASSPHRASE)
        with pytest.raises(LoginRefused):
            second.unlock("a first passphrase")

    def test_a_half_made_keyring_is_replaced(self, empty):
        (empty.gnupg / "private-keys-v1.d").mkdir(parents=True)
        (empty.gnupg / "pubring.kbx").write_bytes(b"half")
        vault = Vault(empty)
        vault.create(PASSPHRASE)
        vault.unlock(PASSPHRASE)
        assert vault.unlocked()

    @pytest.mark.parametrize("there", ["vault", "entry"])
    def test_what_was_sealed_is_never_made_useless(self, brain, there):
        if there == "entry":
            brain.vault.unlink()
        before = {path: path.read_bytes() for path in brain.gnupg.rglob("*") if path.is_file()}
        with pytest.raises(Damaged, match="there are vault entries already"):
            Vault(brain).create("another passphrase")
        assert {path: path.read_bytes() for path in brain.gnupg.rglob("*") if path.is_file()} == before

    def test_a_lost_key_is_named(self, brain):
        for key in (brain.gnupg / "private-keys-v1.d").iterdir():
            key.unlink()
        with pytest.raises(Damaged, match="the vault's key is missing"):
            Vault(brain).unlock(PASSPHRASE)

    def test_an_agent_without_gpg_is_said_before_anything(self, brain, monkeypatch):
        monkeypatch.setenv("PATH", str(brain.path))
        for work in (Vault(brain).lock, Vault(brain).unlocked, lambda: Vault(brain).unlock(PASSPHRASE)):
            with pytest.raises(Damaged, match="gpg is not installed") as missing:
                work()
            assert missing.value.hint == "apt-get install gnupg"


def test_two_federations_share_nothing(brain, mind):
    one = Vault(brain)
    one.unlock(PASSPHRASE)
    assert not Vault(mind).unlocked()
    with pytest.raises(LoginRefused):
        Vault(mind).read("wk1")
    assert one.fingerprint != open_gpg(mind.gnupg).list_keys()[0]["fingerprint"]
    assert brain.identity_public.read_text() != mind.identity_public.read_text()

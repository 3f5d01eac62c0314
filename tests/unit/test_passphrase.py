"""The vault's passphrase: what is good enough, and where it comes from."""

import math
import os
import unicodedata

import pytest
from mip_salt.errors import Damaged, LoginRefused, UsageError
from mip_salt.questions.passphrase import NEW_VARIABLE, VARIABLE, new_passphrase, passphrase_source, taken
from mip_salt.terminal import Terminal
from mip_salt.vault.passphrase import CONSONANTS, VOWELS, check_new, normalised, suggest

LONGEST = "basket" * 42 + "bas"


class Operator(Terminal):
    """A terminal at which an operator types; the real one is driven in test_vault_commands.py."""

    def __init__(self, *answers):
        super().__init__()
        self.interactive, self.answers, self.said = True, list(answers), []

    def ask_hidden(self, question):
        return self.answers.pop(0)

    def warning(self, text):
        self.said.append(text)

    def error(self, error):
        self.said.append(str(error))


@pytest.fixture
def nobody():
    return Terminal(interactive=False)


@pytest.mark.parametrize(
    "good",
    ["correct horse battery", "twelve € sgns", "🐎🔋🔑🗝🚪🔒abcXYZ", "Tr0ub4dor&3xy", " blanks are kept ", LONGEST],
    ids=len,
)
def test_twelve_characters_of_any_kind_are_good_enough(good):
    assert check_new(good, not_these=["brain"]) == good


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "has 0 characters; it needs 12"),
        ("elevenchars", "has 11 characters"),
        ("aaaaaaaaaaaaaaaa", "repeats or counts"),
        ("abababababab", "repeats or counts"),
        ("abcdefghijklmnop", "repeats or counts"),
        ("fedcba987654321", "repeats or counts"),
        ("two lines\nare not one", "one line"),
        ("a tab\tis a control", "one line"),
        ("not Unicode \udcff", "one line"),
        (LONGEST + "f", "has 256 bytes; gpg takes 255 at most"),
        (LONGEST[:-1] + "é", "has 256 bytes"),
        ("brain-hospital", "name or a password used elsewhere"),
        ("BRAIN-hospital", "name or a password used elsewhere"),
    ],
)
def test_what_is_guessed_first_is_refused_with_the_rule(bad, why):
    with pytest.raises(UsageError, match=why) as refused:
        check_new(bad, not_these=["", "brain-hospital"])
    assert not bad or bad not in str(refused.value) + refused.value.hint


def test_a_decomposed_accent_counts_once_and_is_stored_composed():
    typed = unicodedata.normalize("NFD", "éèàüöäßçñôîâ")
    assert check_new(typed, not_these=[]) == normalised(typed) == "éèàüöäßçñôîâ"
    with pytest.raises(UsageError, match="has 11 characters"):
        check_new(typed[2:], not_these=[])


def test_the_suggestion_is_good_enough_and_has_75_bits():
    found = {suggest() for _ in range(100)}
    assert len(found) == 100
    for words in found:
        assert check_new(words, not_these=[]) == words
        assert len(words.split()) == 6
    assert int(6 * 2 * math.log2(len(set(CONSONANTS)) * len(set(VOWELS)))) == 75


class TestWhereItComesFrom:
    def test_the_environments_is_taken_out_of_it(self, nobody, monkeypatch):
        monkeypatch.setenv(VARIABLE, "from the environment")
        source = passphrase_source("brain", nobody, None)
        assert VARIABLE not in os.environ
        assert source(1) == "from the environment"

    def test_a_file_gives_its_first_line(self, nobody, tmp_path, monkeypatch):
        monkeypatch.setenv(VARIABLE, "from the environment")
        file = tmp_path / "passphrase"
        file.write_text("  from the file é \r\nnot this\n", "utf-8")
        file.chmod(0o600)
        assert passphrase_source("brain", nobody, file)(1) == "  from the file é "
        assert VARIABLE not in os.environ

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
    def test_a_file_that_others_can_read_is_refused(self, nobody, tmp_path, mode):
        file = tmp_path / "passphrase"
        file.write_text("secret")
        file.chmod(mode)
        with pytest.raises(Damaged, match="can be read by others"):
            passphrase_source("brain", nobody, file)

    def test_a_missing_file_or_one_that_is_not_text_is_said(self, nobody, tmp_path):
        with pytest.raises(Damaged, match="cannot be read: No such file"):
            passphrase_source("brain", nobody, tmp_path / "none")
        file = tmp_path / "binary"
        file.write_bytes(b"\xff\xfe")
        file.chmod(0o600)
        with pytest.raises(Damaged, match="not UTF-8"):
            passphrase_source("brain", nobody, file)

    def test_a_given_one_that_is_wrong_is_not_tried_again(self, nobody, monkeypatch):
        monkeypatch.setenv(VARIABLE, "wrong")
        source = passphrase_source("brain", nobody, None)
        source(1)
        with pytest.raises(LoginRefused, match=rf"wrong passphrase for the vault of brain \(from {VARIABLE}\)"):
            source(2)

    def test_without_any_and_nobody_there_it_is_a_usage_error_with_the_remedies(self, nobody, monkeypatch):
        monkeypatch.delenv(VARIABLE, raising=False)
        source = passphrase_source("brain", nobody, None)
        for ask in (lambda: source(1), source.new):
            with pytest.raises(UsageError, match="nobody is there to ask") as refused:
                ask()
            assert VARIABLE in refused.value.hint
            assert "--vault-passphrase-file" in refused.value.hint

    def test_a_given_new_one_is_held_to_the_rule(self, nobody, monkeypatch):
        monkeypatch.setenv(VARIABLE, "short")
        with pytest.raises(UsageError, match="needs 12"):
            passphrase_source("brain", nobody, None).new()


class TestTypedTwice:
    GOOD = "a good long passphrase"

    @pytest.fixture(params=["first", "another"])
    def asked(self, request, monkeypatch):
        monkeypatch.delenv(VARIABLE, raising=False)

        def ask(*answers):
            terminal = Operator(*answers)
            if request.param == "first":
                return passphrase_source("brain-hospital", terminal, None).new(), terminal
            return new_passphrase("brain-hospital", terminal, None, ["brain-hospital"]), terminal

        return ask

    def test_the_same_twice_is_taken(self, asked):
        assert asked(self.GOOD, self.GOOD)[0] == self.GOOD

    def test_composed_and_decomposed_are_the_same(self, asked):
        word = "été passé là-bas"
        assert asked(word, unicodedata.normalize("NFD", word))[0] == word

    def test_a_bad_one_is_said_and_asked_again(self, asked):
        found, terminal = asked("short", "brain-hospital", self.GOOD, self.GOOD)
        assert found == self.GOOD
        assert ["needs 12" in terminal.said[0], "used elsewhere" in terminal.said[1]] == [True, True]

    @pytest.mark.parametrize("second", ["a good long passphrasf", "", "short", "tab\t"])
    def test_a_second_typing_that_differs_in_whatever_way_is_asked_again(self, asked, second):
        found, terminal = asked(self.GOOD, second, self.GOOD, self.GOOD)
        assert found == self.GOOD
        assert terminal.said == ["These two differ; once more."]


def test_the_one_that_replaces_another_may_come_from_a_variable_of_its_own(nobody, monkeypatch):
    monkeypatch.setenv(NEW_VARIABLE, "a good long passphrase")
    given = taken(NEW_VARIABLE)
    assert NEW_VARIABLE not in os.environ
    assert new_passphrase("brain", nobody, given, []) == given
    with pytest.raises(UsageError, match="name or a password used elsewhere"):
        new_passphrase("brain", nobody, given, ["A good long passphrase"])
    with pytest.raises(UsageError, match="nobody is there to ask") as refused:
        new_passphrase("brain", nobody, None, [])
    assert refused.value.hint == f"Set {NEW_VARIABLE}."

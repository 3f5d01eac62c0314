"""`mip-salt vault …` at a terminal: what is typed there is asked for, and not shown."""

import io
from pathlib import Path

from mip_salt.questions.passphrase import VARIABLE
from mip_salt.vault import session
from unit.terminals import at_a_terminal, ended
from unit.vault_folders import NEW, assert_closed, journal, read
from vaults import PASSPHRASE, Answers, entry_of


def test_at_a_terminal_nothing_typed_is_shown(brain):
    child = at_a_terminal(brain, "set", "wk1", "pillar.db.password")
    seen = io.StringIO()
    child.logfile_read = seen
    child.expect("Passphrase of the vault of brain: ")
    child.sendline("not this one")
    child.expect("Wrong passphrase .1 of 3.*Passphrase of the vault of brain: ")
    child.sendline(PASSPHRASE)
    child.expect("Value of pillar.db.password in wk1: ")
    child.sendline("hunter2 é")
    assert ended(child) == 0
    assert not [word for word in ("not this one", PASSPHRASE, "hunter2") if word in seen.getvalue()]
    assert read(brain, "wk1").pillar["db"]["password"] == "hunter2 é"


def test_at_a_terminal_the_new_passphrase_is_asked_for_twice(brain):
    child = at_a_terminal(brain, "passwd")
    child.expect("Passphrase of the vault of brain: ")
    child.sendline(PASSPHRASE)
    child.expect("New passphrase: ")
    child.sendline("short")
    child.expect("needs 12.*New passphrase: ")
    child.sendline(NEW)
    child.expect("The same again: ")
    child.sendline("short")
    child.expect("These two differ.*New passphrase: ")
    child.sendline(NEW)
    child.expect("The same again: ")
    child.sendline(NEW)
    assert ended(child) == 0
    assert read(brain, "wk1", NEW) == entry_of("wk1")


def test_ctrl_c_at_the_new_passphrase_is_130_and_the_old_one_holds(brain):
    session.unlock_for_good(brain, Answers())
    child = at_a_terminal(brain, "passwd", **{VARIABLE: PASSPHRASE})
    child.expect("New passphrase: ")
    child.sendintr()
    assert ended(child) == 130
    assert_closed(brain)
    assert read(brain, "wk1") == entry_of("wk1")
    assert journal(brain)[-1]["result"] == "interrupted"
    assert Path(brain.gnupg / "private-keys-v1.d").is_dir()

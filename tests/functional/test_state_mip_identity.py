"""The states mip_identity.present and absent, as Salt runs them."""

import pytest

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIKkz3qkBqLhQ9kqtpg1KJyWFKsd0cTBHD3ZMxkOyE4Qb"
KEY = f"ssh-ed25519 {BLOB} mip-salt:brain"
RULE = "mipadmin ALL=(root) NOPASSWD: ALL\n"
FOREIGN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnq9w82VzY0Be72sTD30g/7F5Q+4X8M79vfvhtAvUQK someone\n"


def present(node, **more):
    return node.loaders.states.mip_identity.present(**{"name": "mipadmin", "public_key": KEY, **more})


def absent(node, **more):
    return node.loaders.states.mip_identity.absent(**{"name": "mipadmin", "public_key": KEY, **more})


def lay(node, keys):
    """Lay an authorized_keys as the user would have it."""
    present(node, sudo=False)
    node.keys.write_text(keys)


def test_present_lets_the_key_log_in_and_become_root_and_says_what_changed(node):
    ret = present(node)
    assert ret.result is True
    assert ret.changes == {
        "authorized_keys": {"old": "absent", "new": "present"},
        "sudo": {"old": "absent", "new": "present"},
    }
    assert ret.comment == "Changed: the identity can log in as mipadmin and use sudo."
    assert node.keys.read_text() == f"restrict {KEY}\n"
    assert node.rule.read_text() == RULE


def test_present_a_second_time_changes_nothing(node):
    present(node)
    before = node.keys.stat().st_ino, node.rule.stat().st_ino
    ret = present(node)
    assert (ret.result, ret.changes) == (True, {})
    assert ret.comment == "Already so: the identity can log in as mipadmin and use sudo."
    assert (node.keys.stat().st_ino, node.rule.stat().st_ino) == before


def test_a_trial_of_present_says_the_same_changes_and_makes_none(node):
    trial = present(node, test=True)
    assert trial.result is None
    assert trial.comment.startswith("Would be changed")
    assert list(node.home.iterdir()) == []
    assert not node.rule.exists()
    assert present(node).changes == trial.changes


def test_a_trial_where_nothing_is_to_do_is_a_success(node):
    present(node)
    ret = present(node, test=True)
    assert (ret.result, ret.changes) == (True, {})


def test_only_what_differs_is_changed(node):
    present(node)
    node.rule.chmod(0o600)
    ret = present(node)
    assert ret.changes == {"sudo": {"old": f"other: {RULE.strip()}", "new": "present"}}
    assert node.rule.read_text() == RULE


@pytest.mark.parametrize(
    ("keys", "old"),
    [
        (f"no-pty {KEY}\n", "other options: no-pty"),
        (f"{KEY}\n", "other options: none"),
        (f"pty {KEY}\nrestrict {KEY}\n", "duplicates: pty; restrict"),
    ],
)
def test_other_copies_are_told_and_replaced(node, keys, old):
    lay(node, keys + FOREIGN)
    ret = present(node, sudo=False)
    assert ret.changes == {"authorized_keys": {"old": old, "new": "present"}}
    assert node.keys.read_text() == f"{FOREIGN}restrict {KEY}\n"


def test_other_options_and_no_sudo_rule_may_be_wanted(node):
    ret = present(node, options="restrict,pty", sudo=False)
    assert ret.comment == "Changed: the identity can log in as mipadmin."
    assert node.keys.read_text() == f"restrict,pty {KEY}\n"
    assert not node.rule.exists()


@pytest.mark.parametrize("test", [False, True])
def test_a_broken_file_fails_and_stays(node, test):
    lay(node, "")
    node.keys.unlink()
    node.keys.mkdir()
    ret = present(node, test=test)
    assert (ret.result, ret.changes) == (False, {})
    assert "is not a file of the user or of root" in ret.comment
    assert node.keys.is_dir()
    assert not node.rule.exists()


def test_a_refused_rule_fails_and_the_key_is_told_as_changed(node):
    (node.etc / "sudoers.d").rmdir()
    ret = present(node)
    assert ret.result is False
    assert ret.changes == {"authorized_keys": {"old": "absent", "new": "present"}}
    assert "sudo's rule cannot be written" in ret.comment


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"name": ""}, "its pillar does not say the user"),
        ({"public_key": None}, "its pillar does not say the public key"),
        ({"public_key": "$(reboot)"}, "not one public key with valid options"),
        ({"name": "nosuchuser"}, "there is no user nosuchuser here"),
    ],
)
@pytest.mark.parametrize("state", [present, absent])
def test_what_cannot_be_meant_fails_and_says_why(node, state, more, word):
    ret = state(node, **more)
    assert (ret.result, ret.changes) == (False, {})
    assert word in ret.comment


def test_absent_takes_key_and_rule_away_and_nothing_else(node):
    lay(node, FOREIGN)
    present(node)
    ret = absent(node)
    assert ret.result is True
    assert ret.changes == {
        "authorized_keys": {"old": "present", "new": "absent"},
        "sudo": {"old": "present", "new": "absent"},
    }
    assert node.keys.read_text() == FOREIGN
    assert not node.rule.exists()
    assert (absent(node).result, absent(node).changes) == (True, {})


def test_a_trial_of_absent_takes_nothing_away(node):
    present(node)
    ret = absent(node, test=True)
    assert ret.result is None
    assert set(ret.changes) == {"authorized_keys", "sudo"}
    assert node.keys.read_text() == f"restrict {KEY}\n"
    assert node.rule.exists()


def test_absent_keeps_the_sudo_rule_while_the_key_cannot_be_removed(node):
    present(node)
    node.keys.unlink()
    node.keys.mkdir()
    ret = absent(node)
    assert (ret.result, ret.changes) == (False, {})
    assert node.rule.read_text() == RULE


def test_absent_leaves_another_users_rule(node):
    node.rule.write_text("someone ALL=(root) NOPASSWD: ALL\n")
    present(node)
    assert set(absent(node).changes) == {"authorized_keys", "sudo"}
    assert node.rule.read_text() == "someone ALL=(root) NOPASSWD: ALL\n"

"""The state mip_host.verified, as Salt runs it."""

import os

import pytest

MACHINE_ID = "104a81cbac7c46d7a67f2a2d8553ec55"
HOSTNAME = os.uname().nodename


def verified(node, **wanted):
    return node.loaders.states.mip_host.verified(
        name="wk1", **{"hostname": HOSTNAME, "machine_id": MACHINE_ID, **wanted}
    )


def test_salt_loads_the_modules_under_test(node):
    assert node.loaders.modules["mip_host.verify"](HOSTNAME, MACHINE_ID)["same"]
    assert str(node.folder) in str(node.loaders.modules["mip_identity.add"].__globals__["DROP_IN"])


@pytest.mark.parametrize("test", [False, True])
def test_the_confirmed_machine_passes_and_nothing_changes(node, test):
    ret = verified(node, test=test)
    assert ret.result is True
    assert ret.changes == {}
    assert ret.comment == f"This is the confirmed machine, {HOSTNAME}."


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"hostname": "brain-wk9"}, f"its hostname is {HOSTNAME}, confirmed was brain-wk9"),
        ({"machine_id": "0" * 32}, f"its machine-id is {MACHINE_ID}, confirmed was {'0' * 32}"),
    ],
)
def test_another_machine_fails_even_in_a_trial_and_both_are_told(node, wanted, word, test):
    ret = verified(node, test=test, **wanted)
    assert ret.result is False
    assert ret.changes == {}
    assert word in ret.comment
    assert ret.comment.endswith("confirm it again: mip-salt configure --node wk1")


@pytest.mark.parametrize("missing", ["hostname", "machine_id"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_node_without_its_identity_fails_and_says_what_to_run(node, missing, value):
    ret = verified(node, **{missing: value})
    assert ret.result is False
    assert ret.comment == "this node's identity is not in the vault: run mip-salt configure --node wk1"


def test_a_machine_that_cannot_be_told_fails(node):
    (node.etc / "machine-id").unlink()
    ret = verified(node)
    assert ret.result is False
    assert "Which machine this is cannot be told" in ret.comment
    assert "No such file" in ret.comment

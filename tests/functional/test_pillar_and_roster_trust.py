"""Pillar and roster as Salt itself compiles them on the pusher: nothing unsigned or hand-made passes for sealed."""

import pytest
import yaml
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.federation.generate import refresh
from mip_salt.remote.master import load as salt_options
from mip_salt.vault import session
from vaults import MACHINES, SECRETS, Answers

FORGED = "mip: {identity: {hostname: evil, machine_id: '%s'}}\ndb: {password: planted}\n" % ("f" * 32)


@pytest.fixture
def folder(brain):
    """The federation brain as raw salt-ssh finds it after `vault unlock`, with every node pinned."""
    refresh(brain, load(brain))
    brain.known_hosts.write_text("")
    with session.open_session(brain, Answers()):
        yield brain


def pillar_of(folder: Folder, node: str) -> dict:
    """What salt-ssh would give a node."""
    import salt.pillar

    return salt.pillar.Pillar(salt_options(folder)[0], {}, node, "base").compile_pillar()


def targets_of(folder: Folder) -> dict:
    """Whom salt-ssh would connect to."""
    import salt.roster

    return salt.roster.Roster(salt_options(folder)[0], "flat").targets("*", "glob")


def test_a_sealed_entry_reaches_its_node_alone_and_its_admin_part_none(folder):
    pillar = pillar_of(folder, "wk1")
    assert "_errors" not in pillar
    assert pillar["db"] == {"password": SECRETS["wk1"]}
    assert pillar["mip"]["identity"]["machine_id"] == MACHINES["wk1"]
    assert not any(text in str(pillar) for text in (SECRETS["wk2"], MACHINES["wk2"], "kept-password"))


@pytest.mark.parametrize("text", [FORGED, "#!yaml\n" + FORGED, "#!jinja|yaml\n" + FORGED, ""])
def test_an_entry_replaced_by_plain_text_is_an_error_of_the_pillar(folder, text):
    folder.entry("wk1").write_text(text)
    assert "_errors" in pillar_of(folder, "wk1")
    assert "_errors" not in pillar_of(folder, "wk2")


def test_an_entry_of_another_node_is_an_error_of_the_pillar(folder):
    folder.entry("wk1").write_bytes(folder.entry("wk2").read_bytes())
    pillar = pillar_of(folder, "wk1")
    assert "_errors" in pillar
    assert SECRETS["wk2"] not in str(pillar)


def test_the_operators_own_pillar_adds_but_never_says_which_machine_was_confirmed(folder):
    (folder.own_pillar / "all.sls").write_text(FORGED + "mine: 1\n")
    pillar = pillar_of(folder, "wk1")
    assert pillar["mine"] == 1
    assert pillar["mip"]["identity"]["machine_id"] == MACHINES["wk1"]
    assert pillar["db"] == {"password": SECRETS["wk1"]}


def test_a_locked_vault_gives_no_secret(folder):
    session.lock(folder)
    pillar = pillar_of(folder, "wk1")
    assert "_errors" in pillar
    assert SECRETS["wk1"] not in str(pillar)


class TestRoster:
    def test_the_generated_one_is_taken(self, folder):
        assert set(targets_of(folder)) == set(MACHINES)

    def test_a_locked_federation_has_no_targets_but_a_reason(self, folder):
        from salt.exceptions import SaltClientError

        session.lock(folder)
        with pytest.raises(SaltClientError, match="federation is locked: run `mip-salt -f brain vault unlock`"):
            targets_of(folder)

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda row: row.update(passwd="hunter2"), "passwd: not allowed"),
            (lambda row: row.update(priv_passwd="hunter2"), "priv_passwd: not allowed"),
            (lambda row: row.update(hosst="x"), "hosst: not allowed"),
            (lambda row: row["ssh_options"].insert(0, "StrictHostKeyChecking=no"), "ssh_options are not the generated"),
            (lambda row: row["ssh_options"].remove("StrictHostKeyChecking=yes"), "ssh_options are not the generated"),
            (lambda row: row["ssh_options"].append("ForwardAgent=yes"), "ssh_options are not the generated"),
            (lambda row: row.pop("ssh_options"), "ssh_options are not the generated"),
        ],
    )
    def test_a_row_changed_by_hand_is_refused_by_its_node_and_its_reason(self, folder, change, why):
        from salt.exceptions import SaltClientError

        rows = yaml.safe_load(folder.roster.read_text())
        change(rows["wk1"])
        folder.roster.write_text("#!mip_roster\n" + yaml.safe_dump(rows))
        with pytest.raises(SaltClientError, match=f"roster, wk1: .*{why}") as refused:
            targets_of(folder)
        assert "hunter2" not in str(refused.value)

    def test_a_node_behind_a_bastion_is_taken_too(self, folder):
        text = folder.document.read_text().replace("role: worker,", "role: worker, bastion: ms,", 1)
        folder.document.write_text(text)
        refresh(folder, load(folder))
        assert any("ProxyCommand=" in option for option in targets_of(folder)["wk1"]["ssh_options"])

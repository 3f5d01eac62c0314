"""The tree of states, and the operator's own states in it and after it."""

import pytest
from functional.states import EVERY_NODE, ITS_OWN, ROLES, low, named, only_the_identity, pillar, words


def own_states(tree, folder):
    (tree.own / "top.sls").write_text("base:\n  '*':\n    - own\n    - mip.roles.worker\n")
    (tree.own / "own.sls").write_text(f"aaa-own:\n  file.touch:\n    - name: {folder}/touched\n")


def test_on_another_machine_the_operators_own_states_do_not_run_either(tree, node, tmp_path):
    own_states(tree, tmp_path)
    (ret,) = tree(pillar(machine_id="0" * 32)).call_highstate().values()
    assert (ret["__id__"], ret["result"]) == ("mip-host-verified", False)
    assert not (tmp_path / "touched").exists()
    assert list(node.home.iterdir()) == []


def test_on_the_confirmed_machine_they_run_after_the_verification(tree, node, tmp_path):
    only_the_identity(tree)
    own_states(tree, tmp_path)
    assert next(iter(words(low(tree, pillar())))) == ("mip-host-verified", "mip_host.verified")
    assert all(ret["result"] for ret in tree(pillar()).call_highstate().values())
    assert (tmp_path / "touched").exists()


def test_an_operators_component_wins_over_the_packages(tree, node):
    folder = tree.own / "mip" / "roles"
    folder.mkdir(parents=True)
    (folder / "worker.sls").write_text("include: [mip.host]\n")
    assert words(low(tree, pillar())) == [("mip-host-verified", "mip_host.verified")]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("file", ["site.sls", "site/init.sls"])
def test_the_operators_site_states_run_after_ours_on_every_node(tree, role, file):
    (tree.own / "site").mkdir()
    (tree.own / file).write_text("aaa-theirs:\n  test.nop\n")
    assert words(low(tree, pillar(role))) == [*EVERY_NODE, *ITS_OWN[role], ("aaa-theirs", "test.nop")]


def test_the_operators_site_states_of_a_role_run_last_and_on_no_other(tree):
    (tree.own / "site").mkdir()
    (tree.own / "site" / "ui.sls").write_text("aaa-of-ui:\n  test.nop\n")
    (tree.own / "site" / "init.sls").write_text("zzz-of-all:\n  test.nop\n")
    assert [chunk["__id__"] for chunk in low(tree, pillar("ui"))][-2:] == ["zzz-of-all", "aaa-of-ui"]
    assert "aaa-of-ui" not in named(low(tree, pillar("worker")))


def test_on_another_machine_the_operators_site_states_do_not_run(tree, node):
    (tree.own / "site.sls").write_text("theirs:\n  test.nop\n")
    (ret,) = tree(pillar(machine_id="0" * 32)).call_highstate().values()
    assert (ret["__id__"], ret["result"]) == ("mip-host-verified", False)

"""Which federations this machine holds: one that cannot be read is told, and the others are listed."""

import json
import os
import shutil

import pytest
from mip_salt.commands.context import Request
from mip_salt.errors import Damaged
from mip_salt.federation import folder as folders
from mip_salt.federation.folder import closed_folders
from mip_salt.main import run


@pytest.fixture
def listed(brain, capsys):
    def listed(*words):
        code = run(Request(words=["--root", str(brain.path.parent), "federation", "list", *words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return listed


def test_a_federation_is_listed_with_its_nodes_and_vault(brain, listed):
    code, out, err = listed()
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split() == ["brain", "3", "locked", str(brain.path)]


def test_a_damaged_one_is_told_and_the_others_are_listed(brain, listed):
    shutil.copytree(brain.path, brain.path.with_name("mind"))
    shutil.copytree(brain.path, brain.path.with_name("soul"), ignore=shutil.ignore_patterns("S.*"))
    (brain.path.parent / "mind" / "pillar" / "federation.sls").write_text("{")
    code, out, err = listed()
    assert code == 6
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["brain", "3"], ["mind", "?"], ["soul", "?"]]
    assert "✘ mind: " in err
    assert "✘ soul: " in err  # it calls itself brain


def test_what_another_user_keeps_to_himself_is_named_and_no_failure(brain, listed, monkeypatch):
    monkeypatch.setattr(folders, "closed_folders", lambda root: [root / "theirs"])
    code, out, err = listed()
    assert code == 0
    assert "brain" in out
    assert f"! {brain.path.parent / 'theirs'}: another user's" in err
    assert json.loads(listed("--json")[1])["closed"] == [str(brain.path.parent / "theirs")]


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become a user who is kept out")
def test_a_folder_is_closed_to_whoever_cannot_see_into_it(brain):
    root = brain.path.parent
    for name, mode in (("closed", 0o700), ("open", 0o755), ("passed", 0o711), (".no", 0o700)):
        (root / name).mkdir(mode=mode)
        (root / name).chmod(mode)
    root.chmod(0o755)
    os.seteuid(65534)
    try:
        found = closed_folders(root)
        with pytest.raises(Damaged, match="cannot be read"):
            closed_folders(root / "closed")
    finally:
        os.seteuid(0)
    assert found == [brain.path, root / "closed"]
    assert closed_folders(root) == []
    assert closed_folders(root / "nothing") == []

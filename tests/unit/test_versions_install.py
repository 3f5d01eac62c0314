"""Install, upgrade, roll back: from small repositories of the real shape, since GitHub is not to be had here."""

import json
import shutil
from pathlib import Path

import pytest
from mip_salt.errors import Damaged, UsageError
from mip_salt.federation.document import begin, load
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Versions
from mip_salt.versions.kept import installed, kept
from mip_salt.versions.source import EXAREME, MIP
from mip_salt.versions.wanted import Ref, Wanted
from mip_salt.workflows import install as work
from unit.installs import NEW, OLD, files, install, pair, whole
from upstreams import git


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    begin(folder)
    return folder


def test_the_newest_release_that_can_be_deployed_is_taken_and_the_one_passed_over_is_told(folder, upstreams):
    outcome, notes = install(folder, upstreams)
    assert outcome.kind == "installed"
    assert whole(folder) == "MIP 7.1.0 with exareme 24.5.1"
    assert notes == [
        "MIP 8.0.0 is passed over: no EXAREME in .versions_env and no Federation/; it is deployed on Kubernetes."
    ]


def test_the_document_names_both_versions_with_their_commits_and_keeps_its_comments(folder, upstreams):
    folder.document.write_text("# Agreed in May\nmip:\n  federation: brain\n  nodes: {}  # soon\n", "utf-8")
    install(folder, upstreams)
    mip, exareme = upstreams
    assert load(folder).versions == Versions(
        mip="7.1.0", exareme="24.5.1", mip_commit=mip.at("7.1.0"), exareme_commit=exareme.at("24.5.1")
    )
    text = folder.document.read_text("utf-8")
    assert "# Agreed in May" in text
    assert "# soon" in text


def test_the_checkout_is_shallow_and_holds_what_the_pusher_needs_alone(folder, upstreams):
    install(folder, upstreams)
    assert files(folder) == {
        "LICENSE",
        "version.json",
        f"{NEW}/docker-compose-master.yml",
        f"{NEW}/docker-compose-worker.yml",
        "mip-deployment/.versions_env",
        "mip-deployment/Federation/docker-compose.yml",
        "mip-deployment/Federation/config/.gitignore",
        "mip-deployment/config/pathologies_generator.py",
        "mip-deployment/config/keycloak/keycloak_roles_sync.py",
    }
    for at, repository, name in (
        (folder.exareme, upstreams[1], "24.5.1"),
        (folder.exareme / MIP, upstreams[0], "7.1.0"),
    ):
        assert git(at, "rev-parse", "HEAD") == repository.at(name)
        assert git(at, "rev-list", "--count", "HEAD") == "1"
        assert sum(path.stat().st_size for path in (at / ".git").rglob("*") if path.is_file()) < 150_000


def test_the_helper_scripts_are_those_that_exist_at_the_release(folder, upstreams):
    install(folder, upstreams, "6.5.1")
    assert "mip-deployment/config/convert-csv-dataset-to-db.py" in files(folder)
    install(folder, upstreams, "7.0.0")
    assert "mip-deployment/config/convert-csv-dataset-to-db.py" not in files(folder)


@pytest.mark.parametrize(("release", "compose"), [("6.4.1", OLD), ("6.5.1", NEW)])
def test_before_6_5_the_compose_files_lie_one_folder_higher(folder, upstreams, release, compose):
    install(folder, upstreams, release)
    assert installed(folder).compose == compose
    assert (folder.exareme / compose / "docker-compose-master.yml").is_file()


def test_a_second_time_nothing_is_changed(folder, upstreams):
    install(folder, upstreams)
    before = sorted((path, path.lstat().st_mtime_ns) for path in folder.versions.rglob("*"))
    document = folder.document.stat().st_mtime_ns
    outcome, _ = install(folder, upstreams)
    assert outcome.kind == "unchanged"
    assert sorted((path, path.lstat().st_mtime_ns) for path in folder.versions.rglob("*")) == before
    assert folder.document.stat().st_mtime_ns == document


def test_an_upgrade_leaves_all_else_untouched(folder, upstreams):
    install(folder, upstreams, "7.0.0")
    mine = [folder.roster, folder.known_hosts, folder.states / "site.sls", folder.entry("ms")]
    for path in mine:
        path.write_text("mine", "utf-8")
    outcome, _ = install(folder, upstreams)
    assert (outcome.kind, str(outcome.before)) == ("changed", "MIP 7.0.0 with exareme 24.5.0")
    assert whole(folder) == "MIP 7.1.0 with exareme 24.5.1"
    assert {path.read_text("utf-8") for path in mine} == {"mine"}


def test_a_rollback_goes_to_the_version_before_without_any_source(folder, upstreams):
    install(folder, upstreams, "7.0.0")
    install(folder, upstreams, "7.1.0")
    assert str(work.rollback(folder).before) == "MIP 7.1.0 with exareme 24.5.1"
    assert whole(folder) == "MIP 7.0.0 with exareme 24.5.0"
    with pytest.raises(UsageError, match="no version to go back to"):
        work.rollback(folder)


def test_after_a_rollback_the_way_back_is_not_the_version_that_was_left(folder, upstreams):
    for release in ("6.5.1", "7.0.0"):
        install(folder, upstreams, release)
    work.rollback(folder)
    install(folder, upstreams, "7.1.0")
    work.rollback(folder)
    assert whole(folder) == "MIP 6.5.1 with exareme 24.3.0"


def test_a_rollback_to_files_that_were_changed_is_refused(folder, upstreams):
    install(folder, upstreams, "7.0.0")
    (folder.exareme / NEW / "docker-compose-master.yml").write_text("services: {evil: {}}", "utf-8")
    install(folder, upstreams, "7.1.0")
    with pytest.raises(Damaged, match="changed by hand") as refused:
        work.rollback(folder)
    assert "install --version 7.0.0" in refused.value.hint
    assert whole(folder) == "MIP 7.1.0 with exareme 24.5.1"


def test_there_is_nothing_to_roll_back_before_the_first_install(folder):
    with pytest.raises(UsageError, match="nothing is installed yet"):
        work.rollback(folder)


def test_the_last_three_versions_are_kept(folder, upstreams):
    for release in ("6.4.1", "6.5.1", "7.0.0", "7.1.0"):
        install(folder, upstreams, release)
    assert [one.mip.name for one in kept(folder)] == ["7.1.0", "7.0.0", "6.5.1"]
    assert {path.name.split("-")[0] for path in folder.versions.iterdir()} == {"2", "3", "4"}


def test_files_changed_by_hand_are_mended_by_installing_again(folder, upstreams):
    install(folder, upstreams, "7.0.0")
    install(folder, upstreams)
    (folder.exareme / NEW / "docker-compose-worker.yml").unlink()
    outcome, _ = install(folder, upstreams)
    assert outcome.kind == "mended"
    assert "docker-compose-worker.yml" in outcome.faults[0]
    assert whole(folder) == "MIP 7.1.0 with exareme 24.5.1"
    work.rollback(folder)
    assert whole(folder) == "MIP 7.0.0 with exareme 24.5.0"


@pytest.mark.parametrize("damage", [lambda about: about.unlink(), lambda about: about.write_text("{", "utf-8")])
def test_a_version_that_no_longer_says_what_it_is_is_installed_again(folder, upstreams, damage):
    install(folder, upstreams)
    damage(folder.exareme / "version.json")
    install(folder, upstreams)
    assert whole(folder) == "MIP 7.1.0 with exareme 24.5.1"


def test_a_folder_of_the_incumbent_is_not_replaced(folder, upstreams):
    folder.exareme.mkdir()
    with pytest.raises(Damaged, match="not of mip-salt's making"):
        install(folder, upstreams)
    assert list(folder.exareme.iterdir()) == []


@pytest.mark.parametrize("kind", ["version", "branch", "commit"])
def test_a_forced_pair_is_installed_and_told_to_be_unvalidated(folder, upstreams, kind):
    mip, exareme = upstreams
    names = {"version": ("24.3.0", "7.1.0"), "branch": ("dev", "dev"), "commit": (exareme.at("24.5.0"), mip.at("dev"))}
    _, notes = install(folder, upstreams, wanted=pair(kind, *names[kind]))
    shown = [name[:12] for name in names[kind]]
    assert whole(folder) == "MIP {1} with exareme {0}".format(*shown)
    assert (load(folder).versions.exareme, load(folder).versions.mip) == names[kind]
    assert "not validated together; that MIP was validated with exareme 24.5.1" in notes[0]


def test_a_forced_pair_that_is_the_validated_one_is_not_complained_of(folder, upstreams):
    assert install(folder, upstreams, wanted=pair("version", "24.5.1", "7.1.0"))[1] == []


@pytest.mark.parametrize(
    ("wanted", "says", "lists"),
    [
        (Wanted((Ref("version", "7.1.1"),)), "no MIP release '7.1.1'", "8.0.0, 7.2.0-rc1, 7.1.0, 7.0.0, 6.5.1, 6.4.1"),
        (Wanted((Ref("version", "8.0.0"),)), "8.0.0 cannot be deployed by mip-salt: no EXAREME", "7.1.0"),
        (Wanted((Ref("version", "7.2.0-rc1"),)), "not a stable release", "--force-install-unstable"),
        (pair("version", "99", "7.1.0"), "exareme has no tag '99'", "24.5.1, 24.5.0, 24.3.0, 23.1.0"),
        (pair("branch", "dev", "devv"), "mip-deployment has no branch 'devv'.*did you mean dev", "dev, master"),
        (pair("commit", "0" * 40, "0" * 40), "no such commit", "(7.1.0)"),
        (pair("version", "24.5.1", "8.0.0"), "has no Federation/docker-compose.yml", "Kubernetes"),
    ],
)
def test_what_does_not_resolve_lists_what_exists_and_changes_nothing(folder, upstreams, wanted, says, lists):
    with pytest.raises(UsageError, match=says) as refused:
        install(folder, upstreams, wanted=wanted)
    assert lists in refused.value.hint
    assert refused.value.exit_code == 2
    assert not folder.versions.exists()


def test_what_cannot_be_deployed_is_said_to_be_on_kubernetes_only_since_it_is(folder, own_upstreams):
    own_upstreams[0].commit({"README.md": "\n"}, tag="5.0.0")
    with pytest.raises(UsageError, match=r"MIP 5.0.0 cannot be deployed by mip-salt: .* and no Federation/\Z"):
        install(folder, own_upstreams, "5.0.0")


def test_a_candidate_can_be_forced(folder, upstreams):
    install(folder, upstreams, wanted=Wanted((Ref("version", "7.2.0-rc1"),), unstable=True))
    assert whole(folder) == "MIP 7.2.0-rc1 with exareme 24.5.1"


def test_what_the_document_names_is_followed_where_it_is_not_installed(folder, upstreams):
    folder.document.write_text("mip: {federation: brain, versions: {mip: 7.0.0, exareme: 24.5.0}, nodes: {}}", "utf-8")
    install(folder, upstreams, follow=True)
    assert whole(folder) == "MIP 7.0.0 with exareme 24.5.0"
    assert work.to_follow(folder) is None
    install(folder, upstreams, follow=True)
    assert whole(folder) == "MIP 7.1.0 with exareme 24.5.1"


def test_what_the_document_names_and_the_source_has_not_is_told_with_both(folder, upstreams):
    folder.document.write_text("mip: {federation: brain, versions: {mip: 6.5.2}, nodes: {}}", "utf-8")
    with pytest.raises(UsageError, match=r"no MIP release '6.5.2'.*, which pillar/federation.sls names") as refused:
        install(folder, upstreams, follow=True)
    assert "8.0.0, 7.2.0-rc1, 7.1.0" in refused.value.hint
    assert "--version X" in refused.value.hint


def test_the_exareme_of_an_imported_federation_tells_the_release(folder, upstreams):
    folder.document.write_text("mip: {federation: brain, versions: {exareme: 24.3.0}, nodes: {}}", "utf-8")
    install(folder, upstreams, follow=True)
    assert whole(folder) == "MIP 6.5.1 with exareme 24.3.0"


def test_a_pair_in_the_document_that_was_not_validated_is_refused(folder, upstreams):
    folder.document.write_text("mip: {federation: brain, versions: {mip: 7.0.0, exareme: 24.3.0}}", "utf-8")
    with pytest.raises(UsageError, match=r"validated with 24\.5\.0"):
        install(folder, upstreams, follow=True)


def test_a_restored_federation_gets_its_own_commits_again_even_of_a_branch(folder, upstreams):
    install(folder, upstreams, wanted=pair("branch", "dev", "dev"))
    before = load(folder).versions
    folder.exareme.unlink()
    shutil.rmtree(folder.versions)
    install(folder, upstreams, follow=True)
    assert load(folder).versions == before
    assert whole(folder) == "MIP dev with exareme dev"


def test_progress_is_told_for_both(folder, upstreams):
    heard = []
    install(folder, upstreams, heard=heard)
    assert {name for name, at in heard if at.percent == 100} == {MIP, EXAREME}


def test_the_journal_says_who_installed_what(folder, upstreams):
    install(folder, upstreams)
    line = json.loads((folder.log / "journal").read_text("utf-8").splitlines()[-1])
    assert line["result"].startswith("MIP 7.1.0 with exareme 24.5.1 (")


def test_a_federation_that_is_moved_keeps_its_version(folder, upstreams, tmp_path):
    install(folder, upstreams)
    moved = Folder(Path(shutil.move(folder.path, tmp_path / "elsewhere" / "brain")))
    assert whole(moved) == "MIP 7.1.0 with exareme 24.5.1"

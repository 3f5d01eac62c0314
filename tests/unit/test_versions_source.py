"""Where a version is taken from: what breaks off, is damaged or hostile there leaves what is installed."""

import shutil

import pytest
from mip_salt.errors import Damaged, Unreachable, UsageError
from mip_salt.federation.document import begin, load
from mip_salt.federation.folder import Folder
from mip_salt.versions.git import Git
from mip_salt.versions.kept import installed
from mip_salt.versions.source import EXAREME, MIP, source_of
from mip_salt.versions.wanted import Ref, Wanted, choose
from mip_salt.workflows import install as work
from unit.installs import NEW, install, whole
from upstreams import exareme_files, git, mip_files


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    begin(folder)
    return folder


@pytest.mark.parametrize("form", ["bundle", "bare", "shallow"])
def test_a_bundle_or_any_kind_of_repository_is_a_source(folder, upstreams, tmp_path, form):
    def other(repository):
        to = tmp_path / f"{repository.path.name}.{form}"
        if form == "bundle":
            return repository.bundle(to)
        shape = (
            ("--bare",)
            if form == "bare"
            else ("--depth=1", "--branch", {"mip-deployment": "7.0.0", "exareme": "24.5.0"}[repository.path.name])
        )
        git(tmp_path, "clone", "-q", *shape, f"file://{repository}", to)
        return to

    install(folder, [other(repository) for repository in upstreams], "7.0.0")
    assert whole(folder) == "MIP 7.0.0 with exareme 24.5.0"
    assert not list((folder.exareme / ".git" / "objects" / "info").glob("alternates"))


def test_a_truncated_bundle_leaves_the_old_version(folder, upstreams, tmp_path):
    install(folder, upstreams, "7.0.0")
    broken = upstreams[1].bundle(tmp_path / "exareme.bundle")
    broken.write_bytes(broken.read_bytes()[:-9000])
    with pytest.raises(Damaged, match="is damaged") as refused:
        install(folder, [upstreams[0], broken])
    assert "untouched" in refused.value.hint
    assert whole(folder) == "MIP 7.0.0 with exareme 24.5.0"


def test_once_installed_the_source_is_never_asked_again(folder, own_upstreams):
    """A shallow checkout could ask for what it lacks, behind our back: for the .gitignore of a folder not taken."""
    install(folder, own_upstreams)
    for one in own_upstreams:
        shutil.rmtree(one.path)
    assert whole(folder) == "MIP 7.1.0 with exareme 24.5.1"


def test_a_check_speaks_no_protocol(folder, upstreams, monkeypatch):
    install(folder, upstreams)
    assert Git(protocol="").environment()["GIT_ALLOW_PROTOCOL"] == ""
    with pytest.raises(UsageError, match="may not be spoken to"):
        Git(protocol="").run("ls-remote", f"file://{upstreams[0]}")


def test_a_download_that_breaks_off_leaves_the_old_version_and_nothing_half(folder, own_upstreams):
    """The objects of the source vanish after it was looked at, as a connection does."""
    install(folder, own_upstreams, "7.0.0")
    mip, exareme = (source_of(project, str(one)) for project, one in zip((MIP, EXAREME), own_upstreams, strict=True))
    with work.upstreams(mip, exareme, lambda *_: None) as both:
        chosen = choose(Wanted(), None, *both).pair
        shutil.rmtree(own_upstreams[0].path / ".git" / "objects")
        with pytest.raises((Damaged, Unreachable, UsageError)):
            work.install(folder, chosen, *both)
    assert whole(folder) == "MIP 7.0.0 with exareme 24.5.0"
    assert [path.name for path in folder.versions.iterdir()] == ["1-mip-7.0.0-exareme-24.5.0"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (f"{NEW}/docker-compose-master.yml", "services: [", "is no YAML"),
        (f"{NEW}/docker-compose-worker.yml", "services: {}\n", "names no services"),
    ],
)
def test_what_was_downloaded_is_checked_before_it_is_used(folder, own_upstreams, name, text, says):
    _, exareme = own_upstreams
    install(folder, own_upstreams, "7.0.0")
    exareme.commit({**exareme_files("x"), name: text}, branch="bad")
    with pytest.raises(Damaged, match=says):
        install(
            folder, own_upstreams, wanted=Wanted((Ref("branch", "bad"),), (Ref("version", "7.1.0"),), unstable=True)
        )
    assert whole(folder) == "MIP 7.0.0 with exareme 24.5.0"


def test_a_link_among_the_files_that_are_needed_is_refused(folder, own_upstreams):
    mip, _ = own_upstreams
    mip.commit(mip_files("7.1.0", "24.5.1"), branch="link")
    (mip.path / "Federation/config/passwd").symlink_to("/etc/passwd")
    git(mip.path, "add", "-A", "-f")
    git(mip.path, "commit", "-q", "-m", "link")
    with pytest.raises(UsageError, match="is no plain file"):
        install(folder, own_upstreams, wanted=Wanted((Ref("branch", "dev"),), (Ref("branch", "link"),), unstable=True))


def test_neither_hooks_nor_the_operators_git_configuration_are_heeded(folder, upstreams, tmp_path, monkeypatch):
    marker, evil = tmp_path / "ran", tmp_path / "evil"
    evil.mkdir()
    hook = evil / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n", "utf-8")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f'[core]\nhooksPath = {evil}\n[url "/nowhere/"]\ninsteadOf = file://\n[init]\ntemplateDir = {evil}\n', "utf-8"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(evil))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(evil))
    install(folder, upstreams)
    assert installed(folder).mip.name == "7.1.0"
    assert not marker.exists()


def test_a_tag_that_upstream_moved_is_another_version(folder, own_upstreams):
    mip, _ = own_upstreams
    install(folder, own_upstreams)
    mip.commit(mip_files("7.1.0", "24.5.1", evil="x"))
    git(mip.path, "tag", "-f", "-a", "-m", "moved", "7.1.0")
    outcome, _ = install(folder, own_upstreams)
    assert outcome.kind == "changed"
    assert load(folder).versions.mip_commit == mip.at("7.1.0")

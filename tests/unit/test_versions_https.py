"""Install over https, as from GitHub: by git's own server, with a certificate of the test's."""

import pytest
from https_git import certificate, served
from mip_salt.errors import TrustRefused, Unreachable
from mip_salt.federation.document import begin
from mip_salt.federation.folder import Folder
from mip_salt.versions.kept import installed
from mip_salt.versions.source import EXAREME, MIP, source_of
from mip_salt.versions.wanted import Ref, Wanted, choose
from mip_salt.workflows import install as work
from upstreams import make_upstreams


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    with served(root, certificate(root)) as server:
        server.upstreams = make_upstreams(root)
        yield server


@pytest.fixture
def github(server, monkeypatch):
    """The server, whole and trusted, with nothing counted yet."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(server.root / "localhost.pem"))
    server.left, server.sent = None, 0
    return server


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    begin(folder)
    return folder


def install(folder, server, version):
    mip, exareme = (
        source_of(project, server.url(one)) for project, one in zip((MIP, EXAREME), server.upstreams, strict=True)
    )
    with work.upstreams(mip, exareme, lambda *_: None) as both:
        return work.install(folder, choose(Wanted((Ref("version", version),)), None, *both).pair, *both)


def test_a_version_is_installed_and_its_ballast_stays_there(folder, github):
    install(folder, github, "7.1.0")
    assert work.faults(folder, installed(folder)) == []
    assert github.sent < 100_000  # each of the two has 200,000 bytes that the pusher has no use for


def test_a_link_that_breaks_anywhere_leaves_the_old_version(folder, github):
    install(folder, github, "7.0.0")
    github.sent = 0
    install(Folder(folder.path), github, "7.1.0")
    work.rollback(folder)
    whole = github.sent
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):  # no two packs of git's have the same size to the byte
        github.left = int(whole * share)
        with pytest.raises(Unreachable, match="cannot be reached, or broke off") as broken:
            install(folder, github, "6.5.1")
        assert "untouched" in broken.value.hint
        now = installed(folder)
        assert (str(now), work.faults(folder, now)) == ("MIP 7.0.0 with exareme 24.5.0", [])
        assert len(list(folder.versions.iterdir())) == 2


def test_a_certificate_that_this_machine_does_not_trust_is_told_with_what_to_do(folder, github, monkeypatch):
    monkeypatch.delenv("GIT_SSL_CAINFO")
    with pytest.raises(TrustRefused, match="does not trust the certificate") as refused:
        install(folder, github, "7.1.0")
    assert "update-ca-certificates" in refused.value.hint

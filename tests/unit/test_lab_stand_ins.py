"""The lab's stand-ins: they have the shape of what they stand for, and say that they are none of it."""

from types import SimpleNamespace

import pytest
import yaml
from mip_salt.errors import UsageError
from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.lab import images, release, settings
from mip_salt.lab.standin import datasets
from mip_salt.versions.git import Git
from mip_salt.versions.needs import COMPOSE_FILES, COMPOSE_FOLDERS, FRONT_END


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return release.make(tmp_path_factory.mktemp("lab") / "release")


def test_the_release_has_the_files_and_tags_that_install_looks_for(made):
    mip, exareme = made
    assert (mip / FRONT_END).is_file()
    assert {path.name for path in (exareme / COMPOSE_FOLDERS[0]).iterdir()} == set(COMPOSE_FILES)
    assert Git().run("tag", at=mip).decode().split() == [release.MIP]
    assert Git().run("tag", at=exareme).decode().split() == [release.EXAREME]
    assert f"EXAREME={release.EXAREME}\n" in (mip / ".versions_env").read_text()


def test_it_is_made_once(made):
    before = [Git().run("rev-parse", "HEAD", at=path) for path in made]
    release.make(made[0].parent)
    assert [Git().run("rev-parse", "HEAD", at=path) for path in made] == before


@pytest.mark.parametrize(
    ("text", "role", "services"),
    [
        (release.MASTER, "manager", {"exareme-keystore", "exareme-master"}),
        (release.WORKER, "worker", {"exareme"}),
    ],
)
def test_its_compose_files_are_placed_and_joined_as_exaremes(text, role, services):
    told = yaml.safe_load(text)
    assert told["networks"]["net-federation"] == {"external": {"name": "mip-federation"}}
    assert set(told["services"]) == services
    for service in told["services"].values():
        assert service["deploy"]["placement"]["constraints"] == [
            f"node.role == {role}",
            "node.labels.name == ${FEDERATION_NODE}",
        ]
        assert service["networks"] == ["net-federation"]


def test_every_file_and_image_says_that_it_is_a_stand_in():
    for text in (release.MASTER, release.WORKER, release.FRONT_END):
        assert text.startswith("# A stand-in of mip-salt's lab")
    named = {image.name for image in images.IMAGES}
    assert all(name.startswith("mip-standin/") for name in named)
    told = images._settings(images.IMAGES[0], "0" * 64, "abc")["config"]
    assert told["Labels"]["mip.standin"] == "true"


def test_there_is_an_image_for_every_service():
    named = {image.name for image in images.IMAGES}
    files = [yaml.safe_load(text) for text in (release.MASTER, release.WORKER, release.FRONT_END)]
    asked = {service["image"] for told in files for service in told["services"].values()}
    assert asked - {"${EXAREME_IMAGE}"} <= named
    assert f"mip-standin/exareme:{release.EXAREME}" in named


def test_datasets_are_those_of_the_column_of_that_name(tmp_path):
    (tmp_path / "a.csv").write_text("dataset,age\nedsd,70\nppmi,71\nedsd,72\n")
    (tmp_path / "b.csv").write_text('age,"dataset",note\n70,"chuv, two",x\n')
    (tmp_path / "c.csv").write_text("age\n70\n")
    assert datasets(tmp_path) == ["chuv, two", "edsd", "ppmi"]


def node(esp, ipvs):
    """A lab's node whose kernel can do these."""
    return SimpleNamespace(run=lambda cmd, check: "yes\n" if (esp if "xfrm" in cmd else ipvs) else "")


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    folder.document.write_text("# mine\nmip:\n  federation: brain\n  nodes: {}\n")
    return folder


@pytest.mark.parametrize(
    ("esp", "ipvs", "encrypted", "keystore"),
    [
        (False, False, False, "tasks.exareme-keystore:8500"),
        (True, False, True, "tasks.exareme-keystore:8500"),
        (True, True, True, "exareme-keystore:8500"),
    ],
)
def test_settings_turn_off_only_what_the_kernel_lacks_and_say_so_loudly(folder, esp, ipvs, encrypted, keystore):
    written = settings.put(folder, node(esp, ipvs))
    found = load(folder).settings
    assert (found.swarm.encrypted, found.stack.keystore) == (encrypted, keystore)
    assert (found.stack.image, found.stack.resolve) == ("mip-standin/exareme", "never")
    assert ("NOTHING BETWEEN THE NODES IS ENCRYPTED" in "".join(written)) is not encrypted
    assert folder.document.read_text().startswith("# mine\n")
    assert settings.put(folder, node(esp, ipvs)) == []


def test_a_federation_with_settings_of_its_own_keeps_them_and_is_told_the_lines(folder):
    text = folder.document.read_text() + "  settings: {jobs: 3}\n"
    folder.document.write_text(text)
    with pytest.raises(UsageError) as caught:
        settings.put(folder, node(False, False))
    assert "swarm: {encrypted: false}" in caught.value.hint
    assert folder.document.read_text() == text

"""`mip-salt install` and `mip-salt version` as an operator types them, the seed's own lines among them.

The repositories are small ones of the real shape; GitHub cannot be reached here, and no test tries to.
"""

import io
import json
import os
import subprocess
import sys
import tarfile

import pytest
import yaml
from mip_salt.remote.wheels import pins
from upstreams import make_upstreams
from wheelhouse import wheelhouse


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory):
    return make_upstreams(tmp_path_factory.mktemp("upstreams"))


@pytest.fixture
def mip_salt(tmp_path):
    """Run a line; nobody is there to answer."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MIP_SALT_")}

    def run(*words, cwd=tmp_path, **more):
        call = [sys.executable, "-m", "mip_salt", *map(str, words)]
        own = {"MIP_SALT_ROOT": str(tmp_path / "root"), "MIP_SALT_WHEELHOUSE": str(wheelhouse()), **more}
        return subprocess.run(
            call, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=cwd, env=environ | own
        )

    return run


@pytest.fixture
def sources(upstreams):
    mip, exareme = upstreams
    return ("--mip-source", mip, "--exareme-source", exareme)


def versions(tmp_path, name="X"):
    document = (tmp_path / "root" / name / "pillar" / "federation.sls").read_text("utf-8")
    return yaml.safe_load(document)["mip"]["versions"]


# A machine without the libraries for nodes, and without an index that has them.
ALONE = {"MIP_SALT_WHEELHOUSE": "", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}

# The seed's, with `mip` replaced; every value stands for one of the small repositories'. Then the versions they mean.
START, FORCE = "--yes --pusher --federation x install", "--force-install-unstable"
LINES = [
    (START, "7.1.0", "24.5.1"),
    ("--pusher --federation x --yes install --version 7.0.0", "7.0.0", "24.5.0"),
    (f"{START} {FORCE}", "7.1.0", "24.5.1"),
    (f"{START} --version 24.3.0 --mip-version 7.0.0 {FORCE}", "7.0.0", "24.3.0"),
    (f"{START} --branch dev --mip-branch dev {FORCE}", "dev", "dev"),
    (f"{START} --commit {{exareme}} --mip-commit {{mip}} {FORCE}", "{mip}", "{exareme}"),
]


@pytest.mark.parametrize(("line", "mip", "exareme"), LINES, ids=[line for line, *_ in LINES])
def test_the_seeds_line(line, mip, exareme, mip_salt, sources, upstreams, tmp_path):
    commits = {"mip": upstreams[0].at("6.5.1"), "exareme": upstreams[1].at("24.3.0")}
    done = mip_salt(*line.format(**commits).split(), *sources)
    assert done.returncode == 0, done.stderr
    found = versions(tmp_path, "x")
    assert (found["mip"], found["exareme"]) == (mip.format(**commits), exareme.format(**commits))
    assert "Next: mip-salt -f x configure" in done.stderr


def test_the_seeds_help(mip_salt):
    done = mip_salt("--pusher", "--federation", "x", "install", "--help")
    assert done.returncode == 0
    for option in ("--version", "--mip-version", "--branch", "--mip-branch", "--commit", "--mip-commit", "--rollback"):
        assert option in done.stdout
    assert "--force-install-unstable" in done.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--version 24.3.0 --mip-version 7.0.0", "not validated together"),
        ("--branch dev --mip-branch dev", "not validated together"),
        ("--version 9.9.9", "mip-deployment has: 8.0.0, 7.2.0-rc1, 7.1.0"),
        ("--mip-branch dev --force-install-unstable", "nothing says which exareme"),
        ("--rollback --version 7.0.0", "no other version or source"),
    ],
)
def test_a_wrong_request_ends_with_2_and_begins_no_federation(options, says, mip_salt, sources, tmp_path):
    rest = () if "--rollback" in options else sources
    done = mip_salt("-y", "-f", "x", "install", *options.split(), *rest)
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "root").exists()


def test_a_second_time_it_says_that_nothing_is_changed(mip_salt, sources):
    first = mip_salt("-f", "x", "install", *sources)
    again = mip_salt("-f", "x", "install", *sources)
    assert (first.returncode, again.returncode) == (0, 0)
    assert "x has MIP 7.1.0 with exareme 24.5.1 already; nothing is changed" in again.stderr
    assert "MIP 8.0.0 is passed over" in first.stderr


def test_another_version_is_asked_for_first(mip_salt, sources, tmp_path):
    mip_salt("-f", "x", "install", "--version", "7.0.0", *sources)
    done = mip_salt("-f", "x", "install", *sources)
    assert done.returncode == 2
    assert "Upgrade x from MIP 7.0.0 with exareme 24.5.0 to MIP 7.1.0 with exareme 24.5.1?" in done.stderr
    assert versions(tmp_path, "x")["mip"] == "7.0.0"
    down = mip_salt("-f", "x", "install", "--version", "6.5.1", *sources)
    assert "Downgrade x" in down.stderr


def test_a_rollback_by_command(mip_salt, sources, tmp_path):
    mip_salt("-f", "x", "install", "--version", "7.0.0", *sources)
    mip_salt("-y", "-f", "x", "install", *sources)
    done = mip_salt("-f", "x", "install", "--rollback")
    assert done.returncode == 0, done.stderr
    assert versions(tmp_path, "x")["mip"] == "7.0.0"


def test_sources_may_stand_in_the_one_file(mip_salt, upstreams, tmp_path):
    pillar = tmp_path / "root" / "x" / "pillar"
    pillar.mkdir(parents=True)
    for folder in (tmp_path / "root" / "x", pillar):
        folder.chmod(0o700)
    named = {"sources": {"mip": str(upstreams[0]), "exareme": str(upstreams[1])}}
    (pillar / "federation.sls").write_text(yaml.safe_dump({"mip": {"federation": "x", "settings": named}}))
    assert mip_salt("-f", "x", "install").returncode == 0
    assert versions(tmp_path, "x")["mip"] == "7.1.0"


def test_no_source_within_reach_ends_with_5_and_begins_no_federation(mip_salt, upstreams, tmp_path):
    done = mip_salt("-f", "x", "install", "--mip-source", "https://127.0.0.1:9/x", "--exareme-source", upstreams[1])
    assert done.returncode == 5
    assert "https://127.0.0.1:9/x cannot be reached" in done.stderr
    assert not (tmp_path / "root").exists()


def test_install_speaks_json(mip_salt, sources, upstreams):
    told = json.loads(mip_salt("--json", "-f", "x", "install", *sources).stdout)
    assert told["result"] == "installed"
    assert told["versions"]["mip_commit"] == upstreams[0].at("7.1.0")


def test_version_list_tells_pairs_and_why_a_release_is_passed_over(mip_salt, sources):
    mip_salt("-f", "x", "install", "--version", "7.0.0", *sources)
    rows = [line.split(maxsplit=2) for line in mip_salt("version", "list", *sources).stdout.splitlines()[1:]]
    assert [[word.strip() for word in row] for row in rows] == [
        ["8.0.0", "–", "no EXAREME in .versions_env and no Federation/"],
        ["7.1.0", "24.5.1", "can be installed"],
        ["7.0.0", "24.5.0", "installed"],
        ["6.5.1", "24.3.0", "can be installed"],
        ["6.4.1", "23.1.0", "can be installed"],
    ]


def test_version_list_needs_no_federation(mip_salt, sources):
    done = mip_salt("--json", "version", "list", "--all", *sources)
    assert done.returncode == 0
    assert [row["mip"] for row in json.loads(done.stdout)["releases"]][:2] == ["8.0.0", "7.2.0-rc1"]


def test_version_show_tells_what_is_in_use_and_where_a_rollback_goes(mip_salt, sources):
    mip_salt("-f", "x", "install", "--version", "7.0.0", *sources)
    mip_salt("-y", "-f", "x", "install", *sources)
    lines = mip_salt("version", "show").stdout.splitlines()
    assert "7.1.0" in lines[1]
    assert "in use" in lines[1]
    assert "7.0.0" in lines[2]
    assert "--rollback goes there" in lines[2]


def test_version_check_ends_with_6_for_files_that_were_changed(mip_salt, sources, tmp_path):
    mip_salt("-f", "x", "install", *sources)
    right = mip_salt("version", "check", "--offline")
    (tmp_path / "root" / "x" / "exareme" / "LICENSE").write_text("mine", "utf-8")
    wrong = mip_salt("version", "check", "--offline")
    assert (right.returncode, wrong.returncode) == (0, 6)
    assert "exareme: changed by hand: LICENSE" in wrong.stderr
    assert "Mend it: mip-salt -f x install --version 7.1.0" in wrong.stderr


def test_version_check_tells_of_a_newer_release(mip_salt, sources):
    mip_salt("-f", "x", "install", "--version", "7.0.0", *sources)
    done = mip_salt("version", "check", *sources)
    assert done.returncode == 0
    assert "MIP 7.1.0 is there" in done.stderr


def test_a_stick_installs_without_any_other_source(mip_salt, sources, tmp_path):
    made = mip_salt("install", "bundle", "stick.tar", "--no-wheelhouse", "--version", "7.0.0", *sources)
    assert made.returncode == 0, made.stderr
    done = mip_salt("-f", "x", "install", "--from", "stick.tar")
    assert done.returncode == 0, done.stderr
    assert versions(tmp_path, "x")["exareme"] == "24.5.0"
    with tarfile.open(tmp_path / "stick.tar") as stick:
        names = stick.getnames()
        assert names[:5] == ["README.txt", "mip-deployment.bundle", "exareme.bundle", "thin.tgz", "node-wheels"]
        assert {name.split("/")[0] for name in names[5:]} == {"node-wheels"}
        assert len([name for name in names[5:] if name.endswith(".whl")]) == len(names[5:]) == len(pins())
        assert b"mip-salt -f F install --from stick.tar" in stick.extractfile("README.txt").read()


def test_what_nodes_get_comes_from_the_stick_and_no_network_is_asked(mip_salt, sources, tmp_path):
    made = mip_salt("install", "bundle", "stick.tar", "--no-wheelhouse", *sources)
    assert made.returncode == 0, made.stderr
    done = mip_salt("-f", "x", "install", "--from", "stick.tar", **ALONE)
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "root" / "x" / "run" / "cache" / "mip-salt"
    assert len(list((kept / "wheels").glob("*.whl"))) == len(pins())
    (packed,) = kept.glob("thin-*.tgz")
    with tarfile.open(tmp_path / "stick.tar") as stick:
        assert stick.extractfile("thin.tgz").read() == packed.read_bytes()


def test_without_the_libraries_for_nodes_nothing_is_installed_and_the_stick_is_named(mip_salt, sources, tmp_path):
    done = mip_salt("-f", "x", "--yes", "install", *sources, **ALONE)
    assert done.returncode == 5
    assert "the libraries that nodes need cannot be downloaded" in " ".join(done.stderr.split())
    assert "install --from STICK" in done.stderr
    assert not (tmp_path / "root" / "x" / "versions").exists()


def test_a_stick_whose_libraries_were_changed_is_refused(mip_salt, sources, tmp_path):
    assert mip_salt("install", "bundle", "stick.tar", "--no-wheelhouse", *sources).returncode == 0
    with tarfile.open(tmp_path / "stick.tar") as whole, tarfile.open(tmp_path / "evil.tar", "w") as evil:
        for member in whole:
            content = whole.extractfile(member).read() if member.isfile() else b""
            content = content[::-1] if member.name.endswith(".whl") else content
            evil.addfile(member, io.BytesIO(content))
    done = mip_salt("-f", "x", "install", "--from", "evil.tar")
    assert done.returncode == 6
    assert f"{tmp_path / 'evil.tar'} is not the pinned file" in " ".join(done.stderr.split())
    assert not (tmp_path / "root" / "x" / "versions").exists()


def test_a_stick_of_a_forced_pair_says_what_chooses_it(mip_salt, sources, tmp_path):
    options = "--branch dev --mip-branch dev --force-install-unstable"
    made = mip_salt("install", "bundle", "stick.tar", "--no-wheelhouse", *options.split(), *sources)
    assert f"install -f NAME --from stick.tar {options}" in made.stderr
    assert mip_salt("-f", "x", "install", "--from", "stick.tar", *options.split()).returncode == 0
    assert versions(tmp_path, "x")["mip"] == "dev"


def test_an_old_stick_is_replaced_only_if_asked(mip_salt, sources, tmp_path):
    (tmp_path / "stick.tar").write_text("mine", "utf-8")
    done = mip_salt("install", "bundle", "stick.tar", "--no-wheelhouse", *sources)
    assert done.returncode == 2
    assert (tmp_path / "stick.tar").read_text("utf-8") == "mine"

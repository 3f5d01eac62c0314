"""A base comes from the mirrors of the machine's own configuration, whatever form that has."""

import re
from pathlib import Path

import mip_salt.lab
import pytest
from mip_salt.lab.sources import apt_sources

OS_RELEASE = "ID=debian\nVERSION_CODENAME=bookworm\n"


@pytest.fixture
def etc(tmp_path):
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text(OS_RELEASE)
    return tmp_path


def deb822(etc, text, name="debian.sources"):
    (etc / "apt/sources.list.d" / name).write_text(text)


def test_a_stanza_keeps_its_mirror_and_key_and_gets_the_release(etc):
    deb822(
        etc,
        "# a note\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main contrib\nSigned-By: /usr/share/keyrings/debian.gpg\n",
    )
    assert apt_sources("trixie", etc) == (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian.gpg\n"
    )


def test_every_stanza_stays_one(etc):
    stanza = "Types: deb\nURIs: http://{}.example\nSuites: bookworm{}\nComponents: main\n"
    deb822(etc, stanza.format("a", "") + "\n" + stanza.format("b", "-security"))
    made = apt_sources("bookworm", etc)
    assert made == stanza.format("a", "") + "\n" + stanza.format("b", "-security")


def test_a_key_inside_a_stanza_is_kept_whole(etc):
    key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n"
    deb822(etc, "Types: deb\nURIs: http://a.example\nSuites: bookworm\nComponents: main\n" + key)
    assert apt_sources("bookworm", etc).endswith(key)


@pytest.mark.parametrize(
    "stanza",
    [
        "Types: deb\nURIs: http://other.example\nSuites: nodistro\nComponents: main\n",
        "Types: deb\nURIs: http://other.example\nSuites: tool-bookworm\nComponents: main\n",
        "Types: deb\nURIs: http://other.example\nSuites: bookworm-backports\nComponents: main\n",
        "Types: deb-src\nURIs: http://mirror.example\nSuites: bookworm\nComponents: main\n",
        "Types: deb\nURIs: http://mirror.example\nSuites: bookworm\nComponents: main\nEnabled: no\n",
    ],
)
def test_other_sources_are_left_out(etc, stanza):
    deb822(etc, stanza)
    assert apt_sources("bookworm", etc) == ""


def test_lines_of_the_older_form_are_read_too(etc):
    (etc / "apt/sources.list").write_text(
        "# deb http://off.example bookworm main\n"
        "deb [arch=amd64 signed-by=/k/debian-archive-keyring.gpg] http://a.example/debian bookworm main contrib\n"
        "deb-src http://a.example/debian bookworm main\n"
        "deb http://a.example/security bookworm-security main\n"
        "deb https://tool.example/apt tool-bookworm main\n"
    )
    assert apt_sources("bullseye", etc).split("\n\n") == [
        "Types: deb\nURIs: http://a.example/debian\nSuites: bullseye\nComponents: main\n"
        "Signed-By: /k/debian-archive-keyring.gpg",
        "Types: deb\nURIs: http://a.example/security\nSuites: bullseye-security\nComponents: main\n",
    ]


def test_an_alias_of_the_release_is_known_where_the_release_is_not_named(etc):
    (etc / "apt/sources.list").write_text("deb http://a.example stable main\n")
    assert apt_sources("trixie", etc) == "Types: deb\nURIs: http://a.example\nSuites: trixie\nComponents: main\n"


def test_an_alias_that_others_use_too_is_not_taken_beside_the_release(etc):
    (etc / "apt/sources.list").write_text("deb http://a.example bookworm main\ndeb http://tool.example stable main\n")
    assert "tool.example" not in apt_sources("bookworm", etc)


def test_what_others_sign_is_taken_only_where_debian_s_own_is_not(etc):
    theirs = "deb [signed-by=/k/theirs.gpg] http://theirs.example bookworm main\n"
    (etc / "apt/sources.list").write_text(theirs + "deb http://a.example/debian bookworm main\n")
    assert "theirs.example" not in apt_sources("bookworm", etc)
    (etc / "apt/sources.list").write_text(theirs)  # a mirror inside a hospital
    assert "theirs.example" in apt_sources("bookworm", etc)


def test_a_machine_that_is_not_debian_leaves_it_to_mmdebstrap(etc):
    """Whose own mirror holds Ubuntu, not Debian."""
    (etc / "os-release").write_text("VERSION_CODENAME=noble\nID=ubuntu\n")
    deb822(etc, "Types: deb\nURIs: http://ubuntu.example\nSuites: noble noble-updates\nComponents: main universe\n")
    assert apt_sources("bookworm", etc) == ""


def test_the_code_names_no_mirror():
    code = [path.read_text("utf-8") for path in Path(mip_salt.lab.__file__).parent.glob("*.py")]
    assert not [
        line for text in code for line in text.splitlines() if re.search(r"https?://(?!\$?\{)|\.debian\.org", line)
    ]

"""The HTML pages are built without a warning, and their reference lists every command and every option."""

import html
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from mip_salt.commands.roff import options, paragraphs, tree
from mip_salt.main import cli

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = list(tree(cli, click.Context(cli, info_name="mip-salt"), "mip-salt"))
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx_click", reason="the docs extra is not installed")
    site = tmp_path_factory.mktemp("site")
    call = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", f"{site}/.cache", DOCS, site / "html"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return site / "html"


@pytest.fixture(scope="module")
def reference(site):
    """The text of the reference, on one line."""
    return plain(html.unescape(re.sub(r"<[^>]*>", "", (site / "reference.html").read_text("utf-8"))))


def plain(text):
    return " ".join(re.sub("[`\b]", "", text).split())


def test_the_reference_tells_every_command_and_option(reference):
    missing = []
    for way, command, ctx in COMMANDS:
        missing += [way] if way not in reference else []
        missing += [f"{way}: {text}" for text in paragraphs(command) if plain(text) not in reference]
        missing += [f"{way} {name}" for name, _ in options(command, ctx) if name.split(" ")[0] not in reference]
    assert missing == []


def test_the_index_leads_to_every_page():
    linked = set(LINK.findall((DOCS / "index.md").read_text("utf-8")))
    assert linked == {page.name for page in DOCS.glob("*.md")} - {"index.md"}


@pytest.mark.parametrize("page", [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in LINK.findall(page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_readme_leads_to_every_page():
    linked = set(LINK.findall((DOCS.parent / "README.md").read_text("utf-8")))
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} - linked <= {"docs/index.md"}

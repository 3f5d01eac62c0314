"""Every command block of the documentation is run, or says that it is an example."""

import re
import subprocess
from pathlib import Path

import pytest
from integration.federations import FederationUnderTest, wish

pytestmark = pytest.mark.lab
PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def blocks(kinds):
    for page in PAGES:
        for kind, text in BLOCK.findall(page.read_text("utf-8")):
            if kind in kinds and not text.startswith("# example"):
                yield page.name, text


def test_a_shell_block_is_run_or_says_that_it_is_an_example():
    assert list(blocks({"sh", "bash", "shell", ""})) == []


def test_no_command_hides_in_an_indented_block():
    for page in PAGES:
        prose = BLOCK.sub("", page.read_text("utf-8"))
        assert not re.findall(r"^ {4,}(?:sudo |\$ )?(?:mip-salt|salt-ssh|make|pip\w*|uv) ", prose, re.M), page.name


def test_the_others_run(root, lab):
    federation = FederationUnderTest(root)
    federation.configure({name: wish(name, lab.node(name)) for name in ("ms", "wk1", "wk2")})
    for page, text in blocks({"console"}):
        script = "\n".join(line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ "))
        call = ["bash", "-e", "-o", "pipefail", "-c", script]
        done = subprocess.run(call, env=federation.environ, capture_output=True, text=True, cwd=root, timeout=200)
        assert done.returncode == 0, f"{page}:\n{script}\n{done.stdout}\n{done.stderr}"

"""The manual page tells every command and every option, in the words of --help, and any reader of pages can show it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pexpect
import pytest
from mip_salt.commands.man import ENVIRONMENT, exit_codes
from mip_salt.commands.roff import options, page, paragraphs, tree
from mip_salt.errors import EXIT_CODES
from mip_salt.main import cli

PROJECT = Path(__file__).parents[2]
COMMANDS = list(tree(cli, click.Context(cli, info_name="mip-salt"), "mip-salt"))


@pytest.fixture(scope="module")
def printed():
    call = [sys.executable, "-m", "mip_salt", "man"]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def shown(printed):
    """The page as people see it, on one line."""
    call = ["groff", "-ww", "-man", "-K", "utf8", "-T", "utf8", "-P", "-cbou"]
    done = subprocess.run(call, input=printed, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return " ".join(done.stdout.split())


needs_groff = pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")


def test_the_tree_holds_what_help_lists():
    ways = [way for way, _, _ in COMMANDS]
    assert ways[0] == "mip-salt"
    assert {
        "mip-salt configure",
        "mip-salt node list",
        "mip-salt vault unlock",
        "mip-salt lab up",
        "mip-salt man",
    } <= set(ways)


@needs_groff
@pytest.mark.parametrize(("way", "command", "ctx"), COMMANDS, ids=[way for way, _, _ in COMMANDS])
def test_the_page_tells_a_command_as_its_help_does(way, command, ctx, shown):
    assert way in shown
    for name, meaning in options(command, ctx):
        assert " ".join(f"{name} {meaning}".split()) in shown
    for text in paragraphs(command)[1:]:
        assert " ".join(text.replace("\b", "").replace("`", "").split()) in shown


@pytest.mark.parametrize(("way", "command", "ctx"), COMMANDS, ids=[way for way, _, _ in COMMANDS])
def test_every_option_says_what_it_does(way, command, ctx):
    for name, meaning in options(command, ctx):
        assert meaning, f"{way} {name}"
        assert meaning.endswith((".", "…", "]")), f"{way} {name}: {meaning}"


def test_text_that_roff_would_obey_is_only_text():
    @click.group(help=".so /etc/passwd\n\n'tis \\fBnot\\fR bold\n\n\b\n.fi\n  -x")
    def group():
        pass

    text = page(group, "x", "1", [])
    assert not re.search(r"^\.so|^'tis|\\fBnot|^\.fi\n  ", text, re.M)
    assert "\\&.fi\n  \\-x\n.fi" in text


def test_every_variable_that_is_read_is_told():
    sources = "".join(path.read_text("utf-8") for path in (PROJECT / "cli").rglob("*.py"))
    read = set(re.findall(r"\bMIP_SALT_[A-Z_]*[A-Z]", sources))
    read = {re.sub("(?<=MIP_SALT_PASSWORD)_.*", "", name) for name in read} - {"MIP_SALT_COMPLETE"}
    assert read == {name.removesuffix("_<ID>") for name in ENVIRONMENT if name.startswith("MIP_SALT")}


def test_every_exit_code_is_told_here_and_in_the_readme():
    told = [code for code, meaning in exit_codes() if meaning]
    assert {str(code) for code in EXIT_CODES.values()} < set(told)
    assert told == re.findall(r"^\| (\d+) \|", (PROJECT / "README.md").read_text("utf-8"), re.M)


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_on_a_terminal_man_shows_it(tmp_path):
    shell = pexpect.spawn(sys.executable, ["-m", "mip_salt", "man"], encoding="utf-8", timeout=20, dimensions=(40, 80))
    shell.expect("MIP-SALT\\(1\\)")
    shell.send("q")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0


def test_without_man_it_says_what_to_do(tmp_path):
    environ = {"PATH": str(tmp_path), "TERM": "dumb"}
    shell = pexpect.spawn(sys.executable, ["-m", "mip_salt", "man"], env=environ, encoding="utf-8", timeout=20)
    shell.expect("apt-get install man-db")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 6

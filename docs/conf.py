"""Build these pages and the reference as HTML: ``nox -s docs``. GitHub shows the same pages without it."""

import inspect
import re

import click
from mip_salt import __version__
from mip_salt.commands.roff import paragraphs
from sphinx.application import Sphinx

project, release, copyright = "mip-salt", __version__, "the authors of mip-salt"
extensions = ["myst_parser", "sphinx_click"]
exclude_patterns = ["_build"]
smartquotes = False  # -- is an option here, not a dash
html_theme = "furo"
html_title = f"mip-salt {__version__}"
html_copy_source = False
html_show_sphinx = False


def describe(app: Sphinx, ctx: click.Context, lines: list[str]) -> None:
    """Say a command's help in reStructuredText; a paragraph whose lines are kept is an example."""
    lines.clear()
    for text in paragraphs(ctx.command):
        if text.startswith("\b"):
            kept = inspect.cleandoc("\n" + text.removeprefix("\b")).split("\n")
            lines += ["::", "", *(f"   {line}" for line in kept), ""]
        else:
            lines += [prose(" ".join(text.split())), ""]


def prose(text: str) -> str:
    """Return plain text as reStructuredText: only its backquotes mean something, that what they hold is code."""
    parts = text.split("`")
    return "``".join(re.sub(r"([*_|\\])", r"\\\1", part) if i % 2 == 0 else part for i, part in enumerate(parts))


def no_epilog(app: Sphinx, ctx: click.Context, lines: list[str]) -> None:
    """Leave the epilog out: the page says once what it says of every command."""
    lines.clear()


def setup(app: Sphinx) -> None:
    """Take part in what sphinx-click makes of a command."""
    app.connect("sphinx-click-process-description", describe)
    app.connect("sphinx-click-process-epilog", no_epilog)

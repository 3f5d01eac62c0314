"""A manual page in roff, made of what --help says: the same texts, so the two cannot differ."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence

import click

CODE = re.compile(r"`([^`]+)`")
AS_IT_STANDS = "\b"  # click's mark of a paragraph whose lines are kept

Command = tuple[str, click.Command, click.Context]
Rows = Iterable[tuple[str, str]]


def tree(command: click.Command, ctx: click.Context, way: str) -> Iterator[Command]:
    """Yield a command and all under it, in the order in which --help lists them, each with how it is called.

    way
        How the command is called, such as ``mip-salt node``.
    """
    yield way, command, ctx
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner and not inner.hidden:
                yield from tree(inner, click.Context(inner, info_name=name, parent=ctx), f"{way} {name}")


def page(root: click.Group, name: str, version: str, sections: Sequence[tuple[str, Rows]]) -> str:
    """Return the manual page of a command and all under it.

    name
        How it is called.
    sections
        What follows the commands: a title, and names with their meanings.
    """
    (_, _, top), *rest = list(tree(root, click.Context(root, info_name=name), name))
    summary, *description = paragraphs(root)
    lines = [f'.TH {name.upper()} 1 "" "{name} {version}" "Medical Informatics Platform"', ".nh", ".ad l"]
    lines += [".SH NAME", f"{_text(name)} \\- {_text(summary[:1].lower() + summary[1:].rstrip('.'))}"]
    lines += [".SH SYNOPSIS", _call(name, root, top), ".SH DESCRIPTION", *_prose(description)]
    lines += [".SH OPTIONS", _text("Accepted before and after every command."), *_options(root, top)]
    lines += [".SH COMMANDS"]
    for way, command, ctx in rest:
        lines += [f".SS {_text(way)}", ".PP", _call(way, command, ctx), *_prose(paragraphs(command))]
        lines += _options(command, ctx)
    for title, rows in sections:
        lines += [f".SH {title}", *_listed(rows)]
    return "\n".join(lines) + "\n"


def paragraphs(command: click.Command) -> list[str]:
    """Return the paragraphs of a command's help; one whose lines are kept begins with ``\\b``."""
    return [text for text in re.split(r"\n[ \t]*\n", inspect.cleandoc(command.help or "")) if text.strip()]


def options(command: click.Command, ctx: click.Context) -> list[tuple[str, str]]:
    """Return what --help tells of a command's options, except of --help itself."""
    shown = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    records = [param.get_help_record(ctx) for param in shown]
    return [record for record in records if record]


def _options(command: click.Command, ctx: click.Context) -> list[str]:
    return _listed(options(command, ctx))


def _listed(rows: Rows) -> list[str]:
    return [line for name, meaning in rows for line in (".TP", f"\\fB{_text(name)}\\fR", _text(meaning))]


def _call(way: str, command: click.Command, ctx: click.Context) -> str:
    return f"\\fB{_text(way)}\\fR {_text(' '.join(command.collect_usage_pieces(ctx)))}"


def _prose(texts: Iterable[str]) -> list[str]:
    lines = []
    for text in texts:
        if text.startswith(AS_IT_STANDS):
            kept = inspect.cleandoc("\n" + text.removeprefix(AS_IT_STANDS)).split("\n")
            lines += [".PP", ".RS 4", ".nf", *(_text(line) for line in kept), ".fi", ".RE"]
        else:
            lines += [".PP", CODE.sub(r"\\fB\1\\fR", _text(" ".join(text.split())))]
    return lines


def _text(text: str) -> str:
    """Return a text that roff prints as it is, on one line."""
    text = text.replace("\\", "\\(rs").replace("-", "\\-").replace("\n", " ")
    return f"\\&{text}" if text.startswith((".", "'")) else text

"""Arguments for Salt, written so that they arrive as what they are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Salt reads every argument as YAML 1.1 (`cmd.run false` runs False), and a `#` in one as a comment (measured, 3008.3).
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - set('"\\#')
# Names such as mip-docker-running and mip.docker are what they look like, to YAML too.
_NAME = re.compile(r"[a-z]+(?:[-._][a-z]+)+")
_NAMED = re.compile(r"[^\d\W][\w.-]*=(?!=)")


def word(value: Any) -> str:
    """Return one argument as the YAML that Salt reads back as the same value.

    value
        None, a bool, number, text, list, or mapping of texts to such values.

    Raises TypeError for anything else.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        if "n" in text:
            raise TypeError("only finite numbers can be an argument for Salt")
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    if isinstance(value, str):
        if _NAME.fullmatch(value):
            return value
        return f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{word(str(key))}: {word(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(word, value)) + "]"
    raise TypeError(f"a {type(value).__name__} cannot be an argument for Salt")


def _escaped(char: str) -> str:
    if char in _PLAIN:
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def words(args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> list[str]:
    """Return all arguments, named ones as ``name=value``.

    Raises TypeError for a text that Salt on the node would take for a named argument, however it is quoted.
    """
    for value in args:
        if isinstance(value, str) and _NAMED.match(value):
            raise TypeError("a text that begins like name=value must be given to Salt by its argument's name")
    return [*map(word, args), *(f"{name}={word(value)}" for name, value in (kwargs or {}).items())]


def reproducing(folder: Path, node: str, function: str, arguments: Sequence[str]) -> str:
    """Return the command by which an operator does the same with nothing but Salt."""
    call = shlex.join(["salt-ssh", node, function, *arguments])
    return f"cd {shlex.quote(str(folder))} && mip-salt vault unlock && {call}"

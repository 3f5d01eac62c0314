"""YAML that says what it means: no key twice, and in an entry nothing that turns into something else."""

from __future__ import annotations

import re
from typing import Any

import yaml

from mip_salt.errors import UsageError
from mip_salt.printable import printable


class StrictLoader(yaml.SafeLoader):
    """A loader for which a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping whose keys stand once each."""
        seen: list[Any] = []
        for key, _ in node.value:
            if key.value in seen:
                problem = f"{printable(key.value, 60)} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.append(key.value)
        return super().construct_mapping(node, deep)


class _Loader(StrictLoader):
    """A loader that takes ``yes``, ``012345``, ``1.10`` and a date for the text they are: they may be passwords."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what one part of a text borrows from another."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(None, None, "& and * must stand in quotes here", event.start_mark)
        return super().compose_node(parent, index)

    def number(self, node: yaml.ScalarNode) -> int | float | str:
        """Return a number only if it would be written the same again."""
        text = str(node.value)
        for kind in (int, float):
            try:
                if repr(kind(text)) == text:
                    return kind(text)
            except ValueError:
                continue  # Python refuses a number of thousands of digits
        return text


class _Dumper(yaml.SafeDumper):
    """The loader's other half: quotes what the loader would not take for text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value again where it stands again."""
        return True

    def long_text(self, data: str) -> yaml.ScalarNode:
        """Return several lines, a certificate for one, as lines."""
        # PyYAML loses Unicode's other line breaks in every style but this one (measured, 6.0).
        odd = any(char in data for char in "\r\x85\u2028\u2029")
        style = '"' if odd else "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def real(self, data: float) -> yaml.ScalarNode:
        """Return a number as JSON writes it."""
        return self.represent_scalar("tag:yaml.org,2002:float", repr(data))


for _class in (_Loader, _Dumper):
    for _tag, _pattern, _first in (
        ("null", r"null|", ["n", ""]),
        ("bool", r"true|false", ["t", "f"]),
        ("float", r"-?[0-9]+(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", list("-0123456789")),
        ("int", r"-?[0-9]+", list("-0123456789")),
    ):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.number)
_Dumper.add_representer(str, _Dumper.long_text)
_Dumper.add_representer(float, _Dumper.real)


def read_entry(text: str) -> Any:
    """Return what an entry's YAML says, in JSON's types; reading back what `write_entry` wrote changes nothing.

    Raises UsageError with line and reason; no value is repeated in it.
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise UsageError(
            f"{where}{printable(getattr(err, 'problem', None) or 'is not YAML', 120)}", hint="Mend that line."
        ) from None
    except (ValueError, TypeError, RecursionError) as err:
        raise UsageError(
            f"is not YAML that can be read ({type(err).__name__})",
            hint="Write it as a mapping of names and values: vault view shows how.",
        ) from None
    _json_only(data, "")
    return data


def write_entry(data: Any) -> str:
    """Return an entry as YAML."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000))


def _json_only(data: Any, path: str) -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            here = f"{path}.{printable(key, 60)}".lstrip(".")
            if not isinstance(key, str):
                raise UsageError(f"{here}: a key is text: write it in quotes", hint='For example: "8080": …')
            _json_only(key, here)
            _json_only(value, here)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            _json_only(value, f"{path}.{number}")
    elif isinstance(data, str):
        if any("\ud800" <= char <= "\udfff" for char in data):
            raise UsageError(f"{path}: is not Unicode text", hint="Write the text in UTF-8; what is binary, in base64.")
    elif not (data is None or isinstance(data, bool | int | float)) or data in (float("inf"), float("-inf")):
        raise UsageError(
            f"{path}: is neither text, number, true, false, null, list nor mapping", hint="Write it in quotes, as text."
        )

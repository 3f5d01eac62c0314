"""One value of an entry, named by a dotted path; what may be shown, and what may not be changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from mip_salt.errors import UsageError
from mip_salt.printable import printable
from mip_salt.vault.entries import FEDERATION, Entry

MASK = "••••"
PARTS = ("pillar", "admin")
MACHINE = ("pillar", "mip", "identity")  # hostname and machine-id, which the operator confirmed: not secret
IDENTITY = ("admin", "identity_passphrase")  # opens the federation's SSH key: shown to nobody
SHORTEST = 4  # characters; what is shorter would hide half of any text, and is no secret worth the name
Path = tuple[str, ...]


def parse_path(text: str) -> Path:
    """Return the keys of a dotted path, such as ``pillar.db.password``.

    Raises UsageError with the rule.
    """
    path = tuple(text.split("."))
    if len(path) < 2 or path[0] not in PARTS or not all(path):
        raise UsageError(
            f"{printable(text, 80)!r} is not a path in an entry",
            hint="It begins with pillar. (what Salt gives to the node) or admin. (what Salt never sees), with dots "
            "between keys: pillar.db.password. A key that itself has a dot in it: use mip-salt vault edit.",
        )
    return path


def get_value(entry: Entry, path: Path) -> str | int | float | bool | None:
    """Return one value.

    Raises UsageError if nothing is there, if more than one value is, or if it is never shown.
    """
    found: Any = _body(entry)
    for depth, key in enumerate(path):
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, ValueError, TypeError):
            here, there = ".".join(path[:depth]), ", ".join(_keys(found)) or "nothing"
            raise UsageError(
                f"there is no {printable('.'.join(path), 80)}", hint=f"Under {here or 'it'}: {there}"
            ) from None
    if path == IDENTITY:
        raise UsageError(
            "the identity's passphrase is never shown: an open vault is all that ever needs it",
            hint="Open the vault instead: mip-salt vault unlock",
        )
    if isinstance(found, dict | list):
        raise UsageError(
            f"{printable('.'.join(path), 80)} is not one value",
            hint=f"Name one of: {', '.join(_keys(found)) or 'nothing is under it'}; or use mip-salt vault view.",
        )
    return found  # type: ignore[no-any-return]


def put_value(entry: Entry, path: Path, value: str) -> Entry:
    """Return an entry in which one value is another; mappings on the way are made.

    Raises UsageError if a value or a whole mapping would have to go for it.
    """
    body: Any = copy.deepcopy(_body(entry))
    place = body
    for depth, key in enumerate(path[:-1]):
        place = place.setdefault(key, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise UsageError(
                f"{printable('.'.join(path[: depth + 1]), 80)} is not a mapping", hint="Use mip-salt vault edit."
            )
    if isinstance(place.get(path[-1]), dict | list):
        raise UsageError(
            f"{printable('.'.join(path), 80)} holds more than one value",
            hint="Name one of them, or use mip-salt vault edit.",
        )
    place[path[-1]] = value
    return Entry(**body)


def shown(entry: Entry, *, secrets: bool) -> dict[str, Any]:
    """Return an entry as a mapping to show; the identity's passphrase is never in it.

    secrets
        Show every other value; else only what proves the machine, and what each value is called.
    """

    def masked(part: Any, path: Path) -> Any:
        if isinstance(part, dict):
            return {key: masked(value, (*path, key)) for key, value in part.items()}
        if isinstance(part, list):
            return [masked(value, (*path, str(number))) for number, value in enumerate(part)]
        hidden = path == IDENTITY or not (secrets or path[: len(MACHINE)] == MACHINE)
        return MASK if hidden else part

    return {part: masked(value, (part,)) for part, value in _body(entry).items()}


def refuse_reserved(name: str, before: Entry, after: Entry) -> None:
    """Raise UsageError if an entry was changed where only mip-salt itself may change it."""
    for path, remedy in (
        (MACHINE, "It says which machine was confirmed. Another machine: mip-salt configure, or node trust."),
        (IDENTITY, "It opens the federation's SSH key, and was made with it."),
    ):
        if not same(_at(before, path), _at(after, path)):
            raise UsageError(f"{'.'.join(path)} of {name} cannot be changed here", hint=remedy)
    if name == FEDERATION and not same(before.pillar, after.pillar):
        raise UsageError(
            "the federation's own entry reaches no node: nothing can be set under its pillar",
            hint="Name a node (mip-salt vault set wk1 pillar.…), or set it under admin.",
        )


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same to JSON, for which 1, 1.0 and true are three; order says nothing."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _at(entry: Entry, path: Path) -> Any:
    found: Any = _body(entry)
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _body(entry: Entry) -> dict[str, Any]:
    return {"pillar": entry.pillar, "admin": entry.admin}


def _keys(part: Any) -> Sequence[str]:
    if isinstance(part, dict):
        return [printable(key, 60) for key in part]
    return [str(number) for number in range(len(part))] if isinstance(part, list) else []


def secrets_of(entry: Entry) -> list[str]:
    """Return every text that an entry keeps and that is not for all eyes, line by line, the longest first."""
    body = copy.deepcopy(_body(entry))
    body["pillar"].get("mip", {}).pop("identity", None)
    lines = {line for text in _texts(body) for line in text.splitlines() if len(line) >= SHORTEST}
    return sorted(lines, key=lambda line: (-len(line), line))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    elif not isinstance(value, bool) and value is not None:
        yield str(value)

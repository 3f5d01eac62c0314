"""Read what the incumbent sets: exareme.yaml, all.yaml, .mipenv and the compose files, each a line a value."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mip_salt.incumbent.files import ALL, ENVIRONMENT, EXAREME, MASTER, WORKER, File
from mip_salt.incumbent.flaws import Flaws
from mip_salt.printable import printable

MOST_LINE = 2000
YAML = re.compile(r"(?P<key>[A-Z][A-Z0-9_]{0,63}):(?:\s+(?P<value>.*?))?\s*\Z")
ENV = re.compile(r"(?P<key>[A-Z][A-Z0-9_]{0,63})=(?P<value>.*?)\s*\Z")
COMPOSE = re.compile(r"\s*-\s*(?P<key>CONVERT_CSVS)\s*=\s*(?P<value>\w+)(\s.*)?\Z")
# Of all.yaml only this one is the operator's: the file is exareme's own.
ALL_KEYS = {"DOMAIN_NAME"}


def read(files: Mapping[str, File], flaws: dict[str, Flaws]) -> dict[str, tuple[str, str, int]]:
    """Return name → value, file and line.

    flaws
        File → takes what cannot be read. No value is repeated: KEYCLOAK_CLIENT_SECRET is one of them.
    """
    found: dict[str, tuple[str, str, int]] = {}
    for name, pattern, strict in (
        (EXAREME, YAML, True),
        (ALL, YAML, False),
        (ENVIRONMENT, ENV, True),
        (MASTER, COMPOSE, False),
        (WORKER, COMPOSE, False),
    ):
        if name in files:
            said = files[name].text(flaws[name])
            for key, (value, line) in _lines(said, pattern, strict, flaws[name]).items():
                if name != ALL or key in ALL_KEYS:
                    _note(found, key, value, name, line, flaws)
    return found


def _note(
    found: dict[str, tuple[str, str, int]], key: str, value: str, name: str, line: int, flaws: dict[str, Flaws]
) -> None:
    if key in found and found[key][0].lower() != value.lower():
        flaws[name].add(line, f"{key} is another than in {found[key][1]}: that one is taken")
    found.setdefault(key, (value, name, line))


def _lines(text: str, pattern: re.Pattern[str], strict: bool, flaws: Flaws) -> dict[str, tuple[str, int]]:
    """Return key → value and line; a line that is none is a flaw where the file should hold nothing else."""
    values: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() == "---":
            continue
        pair = pattern.match(line) if len(line) <= MOST_LINE else None
        if not pair:
            if strict:
                flaws.add(number, "is not a line that mip writes: not read")
            continue
        if pair["key"] in values:
            flaws.add(number, f"a second {pair['key']}: the last counts")
        values[pair["key"]] = (_unquoted(pair["value"] or ""), number)
    return values


def _unquoted(value: str) -> str:
    value = re.sub(r"\s+#.*\Z", "", value) if value[:1] not in "\"'" else value
    quote = value[:1]
    return value[1:].partition(quote)[0] if quote in ("'", '"') and quote else value


def shown(key: str, value: str) -> str:
    """Return a value as it may be shown: not if its name says that it is a secret."""
    return "(a secret)" if re.search("SECRET|PASS|TOKEN|KEY(?!CLOAK)", key) else printable(value, 60)

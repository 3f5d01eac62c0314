"""Where a base is downloaded from: the mirrors that this machine is configured to use."""

from __future__ import annotations

import re
from pathlib import Path

RELEASES = ("bullseye", "bookworm", "trixie")
# "bookworm-backports" and the like would only make the base larger and slower to build.
TAILS = ("", "-updates", "-security", "/updates")
ALIASES = ("stable", "oldstable", "oldoldstable", "testing")


def apt_sources(release: str, etc: Path = Path("/etc")) -> dict[str, str]:
    """Return apt's sources for a release, as file names and contents, made from this machine's own.

    release
        A Debian release's code name.
    etc
        This machine's /etc.

    Empty on a machine that has no Debian sources: mmdebstrap then takes its own default.
    """
    own = re.search(r"^VERSION_CODENAME=(\w+)", _read(etc / "os-release"), re.MULTILINE)
    suites = (own.group(1), *ALIASES) if own and own.group(1) not in ALIASES else ALIASES
    apt = etc / "apt"
    stanzas = [
        stanza
        for path in sorted((apt / "sources.list.d").glob("*.sources"))
        for stanza in re.split(r"\n\s*\n", _read(path))
    ]
    lines = [
        line
        for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
        for line in _read(path).splitlines()
    ]
    found = {
        "lab.sources": "\n".join(filter(None, (_stanza(stanza, suites, release) for stanza in stanzas))),
        "lab.list": "".join(filter(None, (_line(line, suites, release) for line in lines))),
    }
    return {name: text for name, text in found.items() if text}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _suite(suite: str, suites: tuple[str, ...], release: str) -> str:
    """Return a suite's name in another release, or nothing for a suite that the base does not need."""
    for name in suites:
        if suite.startswith(name) and suite[len(name) :] in TAILS:
            return release + suite[len(name) :]
    return ""


def _stanza(stanza: str, suites: tuple[str, ...], release: str) -> str:
    """Return a deb822 stanza for the release, or nothing if it is not one of Debian's binary sources."""
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    fields = {name.lower(): value.split() for name, _, value in (line.partition(":") for line in lines)}
    wanted = list(filter(None, (_suite(suite, suites, release) for suite in fields.get("suites", []))))
    if not wanted or "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
        return ""
    swapped = {"types": "Types: deb", "suites": f"Suites: {' '.join(wanted)}", "components": "Components: main"}
    return "".join(f"{swapped.get(line.partition(':')[0].lower(), line)}\n" for line in lines if line.strip())


def _line(line: str, suites: tuple[str, ...], release: str) -> str:
    """Return a one-line source for the release, or nothing if it is not one of Debian's binary sources."""
    parts = re.match(r"deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+main\b", line)
    suite = _suite(parts.group(3), suites, release) if parts else ""
    return f"deb {parts.group(1) or ''}{parts.group(2)} {suite} main\n" if parts and suite else ""

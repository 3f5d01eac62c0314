"""Where a base is downloaded from: the mirrors that this machine is configured to use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

RELEASES = ("bullseye", "bookworm", "trixie")
# "bookworm-backports" and the like would only make the base larger and slower to build.
TAILS = ("", "-updates", "-security", "/updates")
ALIASES = ("stable", "oldstable", "oldoldstable", "testing")
# Others publish for Debian under the same suites; they sign with keys of their own.
DEBIANS_KEY = "debian-archive"


def apt_sources(release: str, etc: Path = Path("/etc")) -> str:
    """Return apt's sources for a release, in deb822 form, made from this machine's own.

    release
        A Debian release's code name.
    etc
        This machine's /etc.

    Empty on a machine that has no Debian sources: mmdebstrap then takes its own default.
    """
    os_release = _read(etc / "os-release")
    if not re.search(r'^ID="?debian"?$', os_release, re.MULTILINE):
        return ""
    code_name = re.search(r"^VERSION_CODENAME=(\w+)", os_release, re.MULTILINE)
    apt = etc / "apt"
    stanzas = [
        stanza
        for path in sorted((apt / "sources.list.d").glob("*.sources"))
        for stanza in re.split(r"\n\s*\n", _read(path))
    ] + [
        _as_stanza(line)
        for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
        for line in _read(path).splitlines()
    ]
    for suites in ((code_name.group(1),) if code_name else (), ALIASES):
        found = [made for stanza in stanzas if (made := _for_release(stanza, suites, release))]
        if found:
            return "\n".join([one for one in found if "Signed-By" not in one or DEBIANS_KEY in one] or found)
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _as_stanza(line: str) -> str:
    """Return a source of the older one-line form as a stanza; nothing for what is none."""
    parts = re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(\S.*)", line)
    if not parts:
        return ""
    options, uri, suite, components = parts.groups()
    keys = re.search(r"signed-by=(\S+)", options or "")
    signed = f"\nSigned-By: {keys.group(1).replace(',', ' ')}" if keys else ""
    return f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {components}{signed}"


def _for_release(stanza: str, suites: Sequence[str], release: str) -> str:
    """Return a stanza for the release, or nothing if it is not one of Debian's binary sources."""
    lines = [line for line in stanza.splitlines() if line.strip() and not line.startswith("#")]
    fields = {name.lower(): value.split() for name, _, value in (line.partition(":") for line in lines)}
    wanted = [
        release + suite[len(name) :]
        for suite in fields.get("suites", [])
        for name in suites
        if suite.startswith(name) and suite[len(name) :] in TAILS
    ]
    binary = "deb" in fields.get("types", []) and "main" in fields.get("components", [])
    if not wanted or not binary or fields.get("enabled") == ["no"]:
        return ""
    swapped = {"types": "Types: deb", "suites": f"Suites: {' '.join(wanted)}", "components": "Components: main"}
    return "".join(f"{swapped.get(line.partition(':')[0].lower(), line)}\n" for line in lines)

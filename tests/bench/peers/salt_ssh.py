"""Stock salt-ssh, in the same federation: the same states, the same pillar out of the same unlocked vault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from integration.federations import BIN

from bench.measure import Call
from bench.site import Site
from bench.works import FIRST, HOSTNAME, PING, TRUE


class SaltSsh:
    """salt-ssh as Salt ships it. Of the roster it gets all but mip-salt's pre-hook, which would be one more ssh."""

    name = "salt-ssh"

    def version(self, site: Site) -> str:
        from importlib.metadata import version

        return f"salt {version('salt')}"

    def calls(self, site: Site) -> Mapping[str, Call]:
        rows = yaml.safe_load(site.federation.folder.roster.read_text())
        roster = site.folder / "roster"
        roster.write_text(yaml.safe_dump({name: {**row, "ssh_pre_hook": None} for name, row in rows.items()}))
        begin = [str(BIN / "salt-ssh"), "--roster-file", str(roster), "--max-procs", "25", "--out", "json", "--static"]
        nodes = {node.id: node.hostname for node in site.nodes}

        def call(words: list[str], done: object, **more: object) -> Call:
            return Call([*begin, *words], done, cwd=site.federation.folder.path, **more)  # type: ignore[arg-type]

        def answered(said: str) -> str:
            told = _document(said)
            wrong = [name for name, host in nodes.items() if host not in str(told.get(name))]
            return f"no answer of {', '.join(wrong)}" if wrong else ""

        def ponged(said: str) -> str:
            told = _document(said)
            return "" if all(told.get(name) is True for name in nodes) else f"it tells {told}"

        def unchanged(said: str) -> str:
            told = _document(said)
            wrong = [name for name in nodes if not _ten_true(told.get(name))]
            return f"not ten states true, unchanged: {', '.join(wrong)}" if wrong else ""

        return {
            HOSTNAME: call(["-r", "*", "hostname"], answered),
            PING: call(["*", "test.ping"], ponged),
            TRUE: call(["*", "state.apply"], unchanged),
            FIRST: call(["*", "state.apply"], unchanged, before=site.forget("/var/tmp/.*_salt")),
        }


def _document(said: str) -> dict[str, Any]:
    """Return the JSON in an output that may have warnings before it."""
    try:
        told = json.loads(said[said.index("{") :])
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _ten_true(states: Any) -> bool:
    if not isinstance(states, dict) or len(states) != 10:
        return False
    return all(isinstance(s, dict) and s.get("result") is True and not s.get("changes") for s in states.values())

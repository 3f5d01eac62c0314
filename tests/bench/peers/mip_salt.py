"""mip-salt itself: its commands as an operator runs them, a whole cold process each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from integration.federations import BIN
from mip_salt.federation.node_paths import SALT

from bench.measure import Call
from bench.site import WORK, Site
from bench.works import FIRST, HOSTNAME, HOSTNAME_AGAIN, PING, TRUE, TRUE_AGAIN


class MipSalt:
    """mip-salt, its vault unlocked."""

    name = "mip-salt"

    def version(self, site: Site) -> str:
        from mip_salt import __version__

        return f"mip-salt {__version__}"

    def calls(self, site: Site) -> Mapping[str, Call]:
        count = len(site.nodes)
        hostnames = {node.id: node.hostname for node in site.nodes}
        environ = {"MIP_SALT_ROOT": str(site.federation.root)}

        def cli(words: list[str], done: Callable[[str], str], **more: Any) -> Call:
            begin = [str(BIN / "mip-salt"), "-f", site.federation.name, "--json", "--no-input"]
            return Call([*begin, *words], done, env=environ, **more)

        def python(module: str, done: Callable[[str], str], **more: Any) -> Call:
            env = {"PYTHONPATH": str(WORK.parents[1])}
            return Call([sys.executable, "-m", module, str(site.federation.folder.path)], done, env=env, **more)

        def seen(said: str) -> str:
            rows = {row["id"]: row for row in _rows(said)}
            wrong = [name for name, host in hostnames.items() if rows.get(name, {}).get("hostname") != host]
            return f"no answer of {', '.join(wrong)}" if wrong else ""

        def unchanged(said: str) -> str:
            good = [row for row in _rows(said) if row["kind"] == "ok"]
            return "" if len(good) == count else "not every node is unchanged"

        def ponged(said: str) -> str:
            return "" if said.split().count("ok") == count else "not every node answered"

        return {
            HOSTNAME: cli(["status"], seen),
            HOSTNAME_AGAIN: cli(["status"], seen, rehearsed=True),
            PING: python("bench.drivers.ping", ponged),
            TRUE: cli(["apply"], unchanged),
            TRUE_AGAIN: python("bench.drivers.again", ponged, inner=_last_seconds),
            FIRST: cli(["apply"], unchanged, before=site.forget(SALT)),
        }


def _rows(said: str) -> list[dict[str, Any]]:
    return list(json.loads(said[said.index("{") :])["nodes"])


def _last_seconds(said: str) -> float:
    return float(said.split()[-1])

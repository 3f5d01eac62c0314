"""Plain ssh to all nodes at once: the least that asking them can cost."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping

from bench.measure import Call
from bench.site import Site
from bench.works import HOSTNAME


class Ssh:
    """The system's ssh, one process a node, all started by one shell."""

    name = "ssh"

    def version(self, site: Site) -> str:
        return subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.split(",")[0].strip()

    def calls(self, site: Site) -> Mapping[str, Call]:
        script = " & ".join(shlex.join([*site.ssh(node), "hostname"]) for node in site.nodes)
        names = {node.hostname for node in site.nodes}

        def done(said: str) -> str:
            missing = names - set(said.split())
            return f"no answer of {', '.join(sorted(missing))}" if missing else ""

        return {HOSTNAME: Call(["sh", "-c", f"{script} & wait"], done)}

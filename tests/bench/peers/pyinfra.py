"""pyinfra: no agent and no Python on the nodes; it asks them by shell commands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.measure import Call
from bench.site import WORK, Site
from bench.works import FIRST, HOSTNAME, TRUE


class Pyinfra:
    """pyinfra as it comes."""

    name = "pyinfra"

    def version(self, site: Site) -> str:
        said = subprocess.run([self._tool(site), "--version"], capture_output=True, text=True, check=True).stdout
        return said.strip().replace(": v", " ")

    def calls(self, site: Site) -> Mapping[str, Call]:
        inventory = site.folder / "inventory.py"
        inventory.write_text(f"nodes = {_rows(site)!r}\n")
        inventory.chmod(0o600)
        names = {node.hostname for node in site.nodes}

        def answered(said: str) -> str:
            missing = {name for name in names if name not in said}
            return f"no answer of {', '.join(sorted(missing))}" if missing else ""

        def unchanged(said: str) -> str:
            total = re.search(r"Grand total\s+(.*)", re.sub(r"\x1b\[[0-9;]*m", "", said))
            # All, done, failed, not changed.
            found, wanted = total[1].split() if total else [], [str(10 * len(names)), "-", "-", str(10 * len(names))]
            return "" if found == wanted else f"its totals are {found}, not {wanted}"

        begin = [self._tool(site), "-y", str(inventory)]
        apply = Call([*begin, str(WORK / "pyinfra" / "deploy.py")], unchanged, cwd=site.folder)
        return {
            HOSTNAME: Call([*begin, "exec", "--", "hostname"], answered, cwd=site.folder),
            TRUE: apply,
            FIRST: Call(apply.argv, unchanged, cwd=site.folder, before=site.forget("/tmp/pyinfra*")),
        }

    def _tool(self, site: Site) -> str:
        return str(site.venvs / "pyinfra" / "bin" / "pyinfra")


def _rows(site: Site) -> list[tuple[str, dict[str, object]]]:
    return [
        (
            node.id,
            {
                "ssh_hostname": node.address,
                "ssh_port": node.port,
                "ssh_user": node.user,
                "ssh_key": str(site.key),
                "ssh_known_hosts_file": str(site.known_hosts),
                "ssh_strict_host_key_checking": "yes",
                "bench_hostname": node.hostname,
                "bench_secret": site.secret,
                "bench_template": str(Path(WORK / "bench.conf.j2")),
            },
        )
        for node in site.nodes
    ]

"""ansible-core: as it comes, well set up, and with mitogen in place of its own connections."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from bench.measure import Call
from bench.site import WORK, Site
from bench.works import FIRST, HOSTNAME, PING, TRUE


class Ansible:
    """ansible-core, set up in one of three ways.

    way
        ``default``; ``pipelining``: that, as many forks as nodes (50 at most), no facts gathered that no task asks
        for; ``mitogen``: the same, by its linear strategy.
    """

    def __init__(self, way: str) -> None:
        self.way, self.name = way, f"ansible {way}"

    def version(self, site: Site) -> str:
        tool = "mitogen" if self.way == "mitogen" else "ansible-core"
        return f"{tool} {_installed(site, tool)}"

    def calls(self, site: Site) -> Mapping[str, Call]:
        folder = site.folder / f"ansible-{self.way}"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "ansible.cfg").write_text(self._settings(site, folder))
        inventory = folder / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": _rows(site)}}))
        inventory.chmod(0o600)
        env = {
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
        }
        names = {node.hostname for node in site.nodes}
        binary = site.venvs / "ansible" / "bin"

        def answered(said: str) -> str:
            missing = {name for name in names if name not in said.split()}
            return f"no answer of {', '.join(sorted(missing))}" if missing else ""

        def ponged(said: str) -> str:
            return "" if said.count('"ping": "pong"') == len(names) else "not every node answered"

        def unchanged(said: str) -> str:
            rows = re.findall(r": ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", said)
            good = [row for row in rows if int(row[0]) in (10, 11) and row[1:] == ("0", "0", "0")]
            return "" if len(good) == len(names) else f"of ok, changed, unreachable, failed it tells {rows}"

        def call(words: list[str], done: object, **more: object) -> Call:
            return Call(words, done, env=env, cwd=folder, **more)  # type: ignore[arg-type]

        play = [str(binary / "ansible-playbook"), "-i", str(inventory), str(WORK / "ansible" / "playbook.yml")]
        adhoc = [str(binary / "ansible"), "-i", str(inventory), "all", "-m"]
        return {
            HOSTNAME: call([*adhoc, "command", "-a", "hostname"], answered),
            PING: call([*adhoc, "ping"], ponged),
            TRUE: call(play, unchanged),
            FIRST: call(play, unchanged, before=site.forget("/home/*/.ansible* /root/.ansible* /tmp/ansible*")),
        }

    def _settings(self, site: Site, folder: Path) -> str:
        # Its own options for ssh, and which host keys it may take; sockets' paths are short.
        options = f"-C -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={site.known_hosts}"
        lines = ["[defaults]", "host_key_checking = true", "interpreter_python = /usr/bin/python3"]
        if self.way != "default":
            lines += [f"forks = {min(50, len(site.nodes))}", "gathering = explicit"]
        if self.way == "mitogen":
            (plugins,) = (site.venvs / "ansible").glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy")
            lines += [f"strategy_plugins = {plugins}", "strategy = mitogen_linear"]
        lines += ["[ssh_connection]", f"ssh_args = {options}", f"control_path_dir = {folder / 'cp'}"]
        if self.way != "default":
            lines.append("pipelining = true")
        return "\n".join([*lines, ""])


def _rows(site: Site) -> dict[str, dict[str, object]]:
    return {
        node.id: {
            "ansible_host": node.address,
            "ansible_port": node.port,
            "ansible_user": node.user,
            "ansible_ssh_private_key_file": str(site.key),
            "bench_hostname": node.hostname,
            "bench_secret": site.secret,
            "bench_template": str(WORK / "bench.conf.j2"),
        }
        for node in site.nodes
    }


def _installed(site: Site, package: str) -> str:
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    python = site.venvs / "ansible" / "bin" / "python"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()

"""The federation that is measured, made by mip-salt as an operator makes it, and what the other tools need."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from integration.federations import BIN, PASSPHRASE, FederationUnderTest, wish
from mip_salt.vault.entries import Entry
from mip_salt.vault.session import lock, open_session

from bench.cgroups import Group
from bench.measure import Stand
from bench.nodes import Node, Nodes

WORK = Path(__file__).parent / "work"
SETTING_UP_SECONDS = 1800


@dataclass(frozen=True)
class Site:
    """What the tools work on.

    folder
        The bench's own: keys, inventories, the tools' own settings.
    venvs
        The folder of the tools' virtual environments.
    key
        A private key that logs in on every node; for the tools that know no vault.
    secret
        What the ten states put on each node.
    """

    federation: FederationUnderTest
    nodes: list[Node]
    folder: Path
    venvs: Path
    key: Path
    secret: str

    @property
    def known_hosts(self) -> Path:
        """Return the nodes' host keys by address, as mip-salt pinned them."""
        return self.folder / "known_hosts"

    def ssh(self, node: Node) -> list[str]:
        """Return the plain ssh command to a node, without what is to run there."""
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "LogLevel=ERROR"]
        words = [word for option in [*options, f"UserKnownHostsFile={self.known_hosts}"] for word in ("-o", option)]
        return [
            "ssh",
            "-F",
            "none",
            "-T",
            "-i",
            str(self.key),
            "-p",
            str(node.port),
            *words,
            f"{node.user}@{node.address}",
        ]

    def on_all(self, command: str) -> None:
        """Run a shell command as root on every node."""

        def on(node: Node) -> None:
            subprocess.run(
                [*self.ssh(node), f"sudo -n sh -c '{command}'"], check=True, capture_output=True, timeout=120
            )

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(on, self.nodes))

    def forget(self, traces: str) -> Callable[[], None]:
        """Return what takes a tool's traces from all nodes, so that it meets them as if for the first time.

        traces
            Paths of what it leaves there, as a shell reads them; those of the other tools stay.
        """
        return lambda: self.on_all(f"rm -rf {traces}")


@contextmanager
def site(nodes: Nodes, venvs: Path, say: Callable[[str], None]) -> Iterator[tuple[Site, Stand]]:
    """Make a federation of nodes, its vault unlocked, and the groups to measure in; take all of it away at the end."""
    # Short: sockets lie under it.
    folder = Path(tempfile.mkdtemp(prefix="mipb-", dir="/tmp"))
    federation = FederationUnderTest(folder, "bench")
    run, agents = Group("mip-bench-run"), Group("mip-bench-agents")
    try:
        say(f"making a federation of {len(nodes.nodes)} nodes")
        wishes = yaml.safe_dump({"nodes": {node.id: wish(node.id, node) for node in nodes.nodes}})
        _mip_salt(federation, ["configure", "--from", "-", "--no-input"], stdin=wishes)
        made = Site(federation, nodes.nodes, folder / "w", venvs, folder / "w" / "key", secrets.token_urlsafe(24))
        made.folder.mkdir(mode=0o700)
        _give_states(made)
        _give_secret(made)
        _mip_salt(federation, ["vault", "unlock"], group=agents)
        _give_key(made)
        say("making the ten states true")
        _mip_salt(federation, ["apply"], group=run)
        run.end()  # its connections too: whoever is measured makes his own
        yield made, Stand(run, agents, nodes.groups)
    finally:
        lock(federation.folder)
        run.remove()
        agents.remove()
        shutil.rmtree(folder)


def _mip_salt(
    federation: FederationUnderTest, words: list[str], *, stdin: str = "", group: Group | None = None
) -> None:
    """Run mip-salt, unmeasured: on a hundred nodes a first apply takes minutes.

    group
        Where it and the agents that it starts are counted.
    """
    argv = [str(BIN / "mip-salt"), "-f", federation.name, *words]
    done = subprocess.run(
        group.entering(argv) if group else argv,
        input=stdin,
        env=federation.environ,
        capture_output=True,
        text=True,
        timeout=SETTING_UP_SECONDS,
    )
    if done.returncode:
        raise SystemExit(
            f"bench: mip-salt {words[0]}: exit {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
        )


def _give_states(site: Site) -> None:
    """Let the ten states be all that this federation's highstate is: its own states win over the package's."""
    shutil.copytree(WORK / "salt", site.federation.folder.states, dirs_exist_ok=True)
    shutil.copy(WORK / "bench.conf.j2", site.federation.folder.states / "bench")


class _Known:
    """Knows the passphrase."""

    def __call__(self, attempt: int) -> str:
        return PASSPHRASE

    def new(self) -> str:
        return PASSPHRASE


def _give_secret(site: Site) -> None:
    """Put the secret into each node's entry of the vault."""
    with open_session(site.federation.folder, _Known()) as vault:
        for node in site.nodes:
            entry = vault.read(node.id)
            vault.write(node.id, Entry({**entry.pillar, "bench": {"secret": site.secret}}, entry.admin))


def _give_key(site: Site) -> None:
    """Let a key of the bench's own log in on every node, and write down the host keys that are pinned, by address."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", site.key], check=True)
    public = site.key.with_suffix(".pub").read_text().strip()
    by_id = {node.id: node for node in site.nodes}
    lines = []
    for line in site.federation.folder.known_hosts.read_text().splitlines():
        name, _, key = line.partition(" ")
        if name in by_id:
            node = by_id[name]
            lines.append(f"{node.address if node.port == 22 else f'[{node.address}]:{node.port}'} {key}")
    site.known_hosts.write_text("\n".join([*lines, ""]))
    rows = yaml.safe_load(site.federation.folder.roster.read_text())

    def give(node: Node) -> None:
        options = [word for option in rows[node.id]["ssh_options"] for word in ("-o", option.strip("'"))]
        identity = ["-i", str(site.federation.folder.identity_public), "-o", "IdentitiesOnly=yes"]
        subprocess.run(
            [
                *("ssh", "-F", "none", *options, *identity, "-p", str(node.port), f"{node.user}@{node.address}"),
                f"echo '{public}' >>.ssh/authorized_keys",
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(give, site.nodes))

"""`mip-salt logs`: what runs on the nodes says, side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from mip_salt.commands.choosing import nodes_option
from mip_salt.commands.context import Request, pass_request, shared_options_but_f
from mip_salt.commands.names import complete_components

if TYPE_CHECKING:
    from mip_salt.errors import MipError
    from mip_salt.ssh.logs import Note, Record
    from mip_salt.workflows.logs.wanted import Source

LIMIT = 10_000
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")


@click.command()
@nodes_option("Only this node's log")
@click.option("-f", "--follow", is_flag=True, help="Go on as the logs grow, until Ctrl-C.")
@click.option(
    "--component",
    "components",
    metavar="COMPONENT",
    multiple=True,
    shell_complete=complete_components,
    help="What of: exareme, keystore, portalbackend, frontend, gateway, galaxy, …, or docker, the engine itself.",
)
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=0), default=LIMIT, show_default=True, help="Last lines of each log."
)
@click.option("--since", metavar="WHEN", help="Nothing older: 90s, 10m, 2h, 3d ago, or 2026-11-28T03:00.")
@click.option("-t", "--timestamps", is_flag=True, help="Show when each line was logged, in UTC by the node's clock.")
@shared_options_but_f
@pass_request
def logs(
    request: Request,
    nodes: tuple[str, ...],
    follow: bool,
    components: tuple[str, ...],
    limit: int,
    since: str | None,
    timestamps: bool,
) -> int:
    """Show the logs of all enabled nodes side by side, by time: exareme's, and on the ui its back end's.

    Each line stands behind its node. With -f they go on as they come; a node that is gone, or whose container ended, is
    told on stderr and followed again once it is back, and Ctrl-C ends it all: 130, with nothing left on the nodes. -f
    is --follow here: name the federation before the command, or by --federation. Lines are shown inert and at most
    16384 characters long. --json prints one object a line. The exit code is that of the most serious node: 3 trust
    refused, 4 login refused, 5 unreachable, 7 no such log there.

    \b
      mip-salt -f brain logs
      mip-salt -f brain logs -f --node wk1 --limit 20
      mip-salt -f brain logs --component keystore --since 2h
      mip-salt -f brain logs --component docker --timestamps
    """
    from mip_salt.errors import worst
    from mip_salt.federation.journal import noted
    from mip_salt.federation.recall import recall
    from mip_salt.federation.select import select
    from mip_salt.vault.private_agent import identity_agent
    from mip_salt.workflows.logs.follow import Logs
    from mip_salt.workflows.logs.wanted import Wanted, since_of, sources

    folder = request.folder()
    folder.check_private()
    federation = recall(folder)
    chosen = select(federation, nodes)
    enabled = [name for name in chosen if federation.nodes[name].enabled]
    for name in chosen:
        if nodes and name not in enabled:
            request.terminal.warning(f"{name} is disabled: it is left out.")
    found = sources(federation, enabled, components, named=bool(nodes))
    wanted = Wanted(limit, since_of(since) if since else None, follow)
    view = _View(request, found, timestamps=timestamps)
    try:
        with noted(folder, "logs"), identity_agent(folder, request.passphrase(folder), "logs") as agent:
            read = Logs(folder, federation, found, wanted, agent, show=view.show, tell=view.tell)
            read.run()
            view.show_silent(read.failed)
    except KeyboardInterrupt:
        if not follow:
            raise
        return 130
    return worst(err.exit_code for err in read.failed.values())


class _View:
    """What the operator sees of the logs."""

    def __init__(self, request: Request, sources: Sequence[Source], *, timestamps: bool) -> None:
        self.request, self.timestamps = request, timestamps
        names = list(dict.fromkeys(source.node for source in sources))
        several = len({source.component for source in sources}) > 1 and len(sources) > len(names)
        self.labels = {one: f"{one.node} {one.component}" if several else one.node for one in sources}
        self.colours = {one: COLOURS[names.index(one.node) % len(COLOURS)] for one in sources}
        self.width = max(map(len, self.labels.values()))
        self.told: dict[Source, str] = {}
        self.silent = set(sources)

    def show(self, records: Iterable[tuple[Source, Record]]) -> None:
        """Show records."""
        records = list(records)
        for source, _ in records:
            self.silent.discard(source)
            self.told.pop(source, None)
        if self.request.json_output:
            import json

            for source, record in records:
                row = {"node": source.node, "component": source.component, "time": record.stamp}
                row |= {"stream": record.stream, "text": record.text}
                self.request.terminal.raw(json.dumps(row, ensure_ascii=False))
            return
        self.request.terminal.log(
            (
                f"{self.labels[source]:<{self.width}} |",
                self.colours[source],
                f"{record.stamp[:23]}Z {record.text}" if self.timestamps else record.text,
            )
            for source, record in records
        )

    def show_silent(self, failed: Collection[Source]) -> None:
        """Say which logs have nothing to show."""
        for source in self.labels:
            if source in self.silent and source not in failed:
                self.request.terminal.say(f"{source.node}: nothing of {source.component}")

    def tell(self, source: Source, news: Note | MipError, again: float) -> None:
        """Tell what became of a log; what is the same as before is told once."""
        from mip_salt.ssh.logs import Note
        from mip_salt.workflows.logs.follow import told

        terminal, label = self.request.terminal, self.labels[source]
        if isinstance(news, Note):
            terminal.warning(f"{label}: {told(source, news)}")
        elif again:
            if str(news) not in self.told.values():
                terminal.warning(f"{label}: {news.message}; tried again until it answers.")
            self.told[source] = str(news)
        elif str(news) not in self.told.values():  # one node may have several logs
            terminal.error(news)
            self.told[source] = str(news)

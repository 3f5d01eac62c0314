"""`mip-salt lab`: a throwaway federation of real machines on this one."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.lab.sources import RELEASES

COLUMNS = ("NODE", "ROLE", "ADDRESS", "HOSTNAME")


@click.group()
def lab() -> None:
    """Boot a throwaway federation on this machine, to rehearse on."""


@lab.command()
@click.option("--workers", type=click.IntRange(1, 200), default=2, show_default=True, help="How many workers.")
@click.option(
    "--release",
    type=click.Choice(RELEASES),
    default="bookworm",
    show_default=True,
    help="Debian's release on the nodes.",
)
@click.option(
    "--other", "others", multiple=True, metavar="ID=RELEASE", help="A node that has another release; can be repeated."
)
@click.option(
    "--docker/--no-docker",
    default=True,
    show_default=True,
    help="With a Docker engine on the nodes; without, apply cannot install one: they reach no mirror.",
)
@click.option("--name", default="demo", show_default=True, help="What the nodes' hostnames begin with.")
@click.option(
    "--images", is_flag=True, help="Load stand-in images on the nodes, and make a release for them: a federation runs."
)
@click.option("--install-missing", is_flag=True, help="Install what this machine lacks for it, by apt-get.")
@shared_options
@pass_request
def up(
    request: Request,
    workers: int,
    release: str,
    others: Sequence[str],
    docker: bool,
    name: str,
    images: bool,
    install_missing: bool,
) -> int:
    """Boot a master, a web front end and workers, each a machine with systemd, sshd and sudo of its own.

    Needs root on Linux. Nodes that run are left as they are; nothing they send leaves this machine.

    \b
      mip-salt lab up
      mip-salt lab up --workers 5 --release trixie --other wk1=bullseye
      mip-salt lab up --images
    """
    from mip_salt.errors import UsageError
    from mip_salt.federation.folder import NAME
    from mip_salt.lab.lab import Lab
    from mip_salt.lab.requirements import require

    if not NAME.match(name):
        raise UsageError(
            "a name is a-z, 0-9 and -, at most 32 of them, not beginning with -",
            hint="For example: mip-salt lab up --name demo",
        )
    ids = ["ms", "ui", *(f"wk{number}" for number in range(1, workers + 1))]
    different = releases(others, ids)
    terminal, start = request.terminal, time.monotonic()

    def progress(line: str) -> None:
        terminal.say(f"{time.monotonic() - start:5.1f} s  {line}")

    require(install=install_missing, progress=progress)
    lab = Lab()
    nodes = lab.up(ids, release, docker, name, progress, different)
    sources = lab.stand_in(nodes, progress) if images else ()
    _show(request)
    terminal.say("\nNext:")
    if sources:
        terminal.say(f"  mip-salt -f {name} install --mip-source {sources[0]} --exareme-source {sources[1]}")
        terminal.say(f"  mip-salt -f {name} lab settings")
    terminal.say("  mip-salt lab nodes-file > nodes.yaml")
    terminal.say(f"  mip-salt -f {name} configure --from nodes.yaml")
    return 0


def releases(others: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
    """Return the releases of nodes that have another one.

    Raises UsageError for a node that the lab will not have, or a release that it cannot have.
    """
    from mip_salt.errors import UsageError

    found = {}
    for other in others:
        node, _, release = other.partition("=")
        if node not in ids or release not in RELEASES:
            raise UsageError(
                f"--other {other}: no such node and release",
                hint=f"Nodes are {', '.join(ids)}, releases {', '.join(RELEASES)}: --other {ids[-1]}={RELEASES[0]}",
            )
        found[node] = release
    return found


@lab.command()
@click.option("--all", "everything", is_flag=True, help="Remove the base images too; the next lab builds them again.")
@shared_options
@pass_request
def down(request: Request, everything: bool) -> int:
    """End the machines and remove all they left here, but the base images."""
    from mip_salt.lab.lab import Lab

    Lab().down(everything=everything, progress=request.terminal.say)
    request.terminal.success("The lab is gone.")
    return 0


@lab.command(name="list")
@shared_options
@pass_request
def list_(request: Request) -> int:
    """List the lab's nodes, and whether they run."""
    _show(request)
    return 0


@lab.command()
@shared_options
@pass_request
def nodes_file(request: Request) -> int:
    """Print the file that `configure --from` takes: addresses, passwords and fingerprints, as their owners would give.

    \b
      mip-salt lab nodes-file > nodes.yaml
    """
    from mip_salt.errors import UsageError
    from mip_salt.lab.lab import Lab
    from mip_salt.lab.nodes_file import as_document, as_yaml

    nodes = Lab().nodes()
    if not nodes:
        raise UsageError("there is no lab here", hint="Boot one: mip-salt lab up")
    if request.json_output:
        request.terminal.document(as_document(nodes))
    else:
        request.terminal.data(as_yaml(nodes).rstrip())
    return 0


@lab.command()
@shared_options
@pass_request
def settings(request: Request) -> int:
    """Write into a federation what it needs to run in this lab: its stand-in images, and what this kernel forces.

    A kernel without ESP cannot encrypt what goes between nodes: then it is not, and the file says so loudly. A
    federation that has settings already is left as it is.

    \b
      mip-salt -f demo lab settings
    """
    from mip_salt.errors import UsageError
    from mip_salt.lab.lab import Lab
    from mip_salt.lab.settings import put

    folder = request.folder()
    nodes = Lab().nodes()
    if not nodes:
        raise UsageError("there is no lab here", hint="Boot one: mip-salt lab up --images")
    with request.held(folder, "lab settings"):
        written = put(folder, nodes[0])
    for line in written:
        request.terminal.say(line, "yellow" if line.lstrip().startswith("#") else "")
    request.terminal.success(f"{folder.document} has the lab's settings.")
    return 0


def _show(request: Request) -> None:
    """Show the lab's nodes."""
    from mip_salt.lab.lab import Lab

    nodes = Lab().nodes()
    if request.json_output:
        known = [
            {
                "id": node.id,
                "role": str(node.role),
                "address": node.address,
                "address6": node.address6,
                "hostname": node.hostname,
                "up": node.up,
            }
            for node in nodes
        ]
        request.terminal.document({"command": request.command, "nodes": known})
    elif nodes:
        rows = [(n.id, str(n.role), n.address, n.hostname, "up" if n.up else "off") for n in nodes]
        request.terminal.table((*COLUMNS, "STATE"), rows)
    else:
        request.terminal.say("There is no lab here. Boot one: mip-salt lab up")

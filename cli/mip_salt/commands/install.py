"""`mip-salt install`: the versions of MIP and exareme that a federation runs, upgraded and taken back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.version_options import Asked, asked_of, version_options

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder
    from mip_salt.versions.kept import Installed
    from mip_salt.versions.pair import Pair
    from mip_salt.workflows.install import Outcome


@click.group(invoke_without_command=True, subcommand_metavar="[bundle FILE]")
@version_options
@click.option("--rollback", is_flag=True, help="Go back to the version that was in use before; nothing is downloaded.")
@click.option(
    "--hostname", metavar="HOSTNAME", help="As root: give this machine that name first; MIP's pages say FED-pusher."
)
@shared_options
@pass_request
@click.pass_context
def install(ctx: click.Context, request: Request, /, rollback: bool, hostname: str | None, **options: Any) -> int:
    """Install or upgrade the MIP and exareme of a federation, here on the pusher; no node is touched.

    Takes the newest stable release of MIP that mip-salt can deploy, and the exareme that was validated with it; or,
    where the federation names other versions than are installed (a restore, an import, an edit), those. The new version
    is made beside the old one, checked, and put in use in one step; the last three are kept. A federation that does not
    exist yet is begun. As root, mip-salt is linked into /usr/local/bin for every user, unless --root names a place of
    your own.

    --version X is MIP release X. A pair of your own choice is named by one option for exareme (--version, --branch or
    --commit) and one for MIP (--mip-version, --mip-branch or --mip-commit), and needs --force-install-unstable.

    \b
      mip-salt -f brain install
      mip-salt -f brain install --version 7.0.0
      mip-salt -f brain install --rollback
      mip-salt -f brain install --from /media/stick/mip-7.1.0.tar
    """
    from mip_salt.errors import UsageError

    asked = asked_of(options)
    if ctx.invoked_subcommand:
        if rollback or hostname or asked != Asked():
            raise UsageError(
                f"options of {ctx.invoked_subcommand} stand after it",
                hint=f"For example: mip-salt install {ctx.invoked_subcommand} --help",
            )
        return 0
    wanted = asked.wanted
    if rollback and asked != Asked():
        raise UsageError(
            "--rollback goes back to the version before; it takes no other version or source",
            hint="Leave the others out, or leave out --rollback.",
        )
    if hostname:  # before the folder: from there on root is the federation's owner
        from mip_salt.workflows.this_machine import set_hostname

        changed = set_hostname(hostname)
        request.terminal.success(f"this machine is called {hostname}" + ("" if changed else " already"))
    _for_every_user(request)  # before the folder, too
    folder = request.folder(must_exist=rollback)
    folder.check_path()
    return _roll_back(request, folder) if rollback else _install(request, folder, asked, bool(wanted))


def _for_every_user(request: Request, place: Path | None = None) -> None:
    """As root, and where federations lie for the whole machine: let every user find mip-salt.

    What speaks against it is told, and stops nothing. With a root of one's own, nothing outside of it is changed.
    """
    from mip_salt.errors import MipError
    from mip_salt.federation.folder import DEFAULT_ROOT
    from mip_salt.workflows.this_machine import FOR_ALL, link_commands

    if os.geteuid() != 0 or request.root_folder != DEFAULT_ROOT:
        return
    try:
        for made in link_commands(place or FOR_ALL):
            request.terminal.success(f"{made} is there for every user")
    except MipError as err:
        request.terminal.warning(f"{err}. {err.hint}")


def _install(request: Request, folder: Folder, asked: Asked, named: bool) -> int:
    from mip_salt.commands.downloads import Downloads
    from mip_salt.federation.document import begin
    from mip_salt.federation.generate import refresh
    from mip_salt.versions.wanted import choose
    from mip_salt.workflows import install as work
    from mip_salt.workflows.node_thin import have_thin

    terminal = request.terminal
    mip, exareme = asked.sources(folder)
    now = work.usable(folder)
    recorded = None if named else work.to_follow(folder)
    show = Downloads(terminal)
    with work.upstreams(mip, exareme, show) as (mip_up, exareme_up):
        with show.drawn():
            show.asking(mip, exareme)
            choice = choose(asked.wanted, recorded, mip_up, exareme_up)
        if recorded and now:
            terminal.say(f"federation.sls names other versions than the installed ones ({now}); it is followed.")
        for text in choice.notes:
            terminal.warning(text)
        _agree(request, folder, now, choice.pair)
        folder.create()
        with request.held(folder, "install"), show.drawn():
            refresh(folder, begin(folder))
            have_thin(folder, mip, lambda at: show("for nodes", at))
            outcome = work.install(folder, choice.pair, mip_up, exareme_up)
    _show(request, folder, outcome, choice.notes)
    return 0


def _roll_back(request: Request, folder: Folder) -> int:
    from mip_salt.workflows.install import rollback

    with request.held(folder, "install --rollback"):
        outcome = rollback(folder)
    _show(request, folder, outcome, [])
    return 0


def _agree(request: Request, folder: Folder, now: Installed | None, pair: Pair) -> None:
    """Ask before another version replaces the one in use, and say what is odd about it."""
    from mip_salt.errors import UsageError
    from mip_salt.versions.releases import age, is_release

    if now is None or now.is_of(pair):
        return
    for project, old, new in (("mip-deployment", now.mip, pair.mip), ("exareme", now.exareme, pair.exareme)):
        if old.name == new.name and old.commit != new.commit and is_release(new.name):
            request.terminal.warning(
                f"{project}'s tag {new.name} has moved: {old.commit[:12]} when it was installed here, "
                f"{new.commit[:12]} now. A release does not change by itself: ask upstream."
            )
    names = now.mip.name, pair.mip.name
    older = all(map(is_release, names)) and age(names[1]) < age(names[0])
    how = "Downgrade" if older else "Change" if not all(map(is_release, names)) else "Upgrade"
    if not request.terminal.confirm(f"{how} {folder.name} from {now} to {pair}?"):
        raise UsageError(f"{folder.name} keeps {now}")


def _show(request: Request, folder: Folder, outcome: Outcome, notes: list[str]) -> None:
    terminal, now = request.terminal, outcome.now
    if request.json_output:
        terminal.document(
            {
                "federation": folder.name,
                "command": request.command,
                "result": outcome.kind,
                "versions": now.versions,
                "before": outcome.before.versions if outcome.before else None,
                "removed": outcome.removed,
                "notes": notes,
            }
        )
        return
    for fault in outcome.faults:
        terminal.warning(fault)
    said = {
        "unchanged": f"{folder.name} has {now} already; nothing is changed",
        "installed": f"{folder.name} has {now}",
        "changed": f"{folder.name} has {now}; before it was {outcome.before}",
        "mended": f"{folder.name} has {now} again, as it should be",
    }
    terminal.success(said[outcome.kind])
    terminal.facts(
        [("mip-deployment", now.mip.commit), ("exareme", now.exareme.commit), ("folder", str(folder.exareme))]
    )
    if outcome.kind == "changed" and outcome.before and outcome.before.id == now.before:
        terminal.say(f"Back to the one before: mip-salt -f {folder.name} install --rollback")
    from mip_salt.federation.document import load

    if outcome.kind != "unchanged":
        nodes = load(folder).nodes
        terminal.say(f"\nNext: mip-salt -f {folder.name} {'apply' if nodes else 'configure'}")


@install.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@version_options
@click.option(
    "--wheelhouse/--no-wheelhouse", default=True, show_default=True, help="With mip-salt and all it needs, as wheels."
)
@shared_options
@pass_request
def bundle(request: Request, /, file: Path, wheelhouse: bool, **options: Any) -> int:
    """Make a stick: one FILE from which a site without internet installs MIP, exareme, and mip-salt itself.

    The wheels fit machines with this one's kind of processor and Python.

    \b
      mip-salt install bundle mip-7.1.0.tar
      mip-salt install bundle mip-7.0.0.tar --version 7.0.0 --no-wheelhouse
    """
    from mip_salt.commands.downloads import Downloads
    from mip_salt.commands.version_options import folder_or_none
    from mip_salt.errors import UsageError
    from mip_salt.versions.wanted import choose
    from mip_salt.workflows.install import upstreams
    from mip_salt.workflows.stick import make_stick

    asked, terminal, file = asked_of(options), request.terminal, file.absolute()
    wanted = asked.wanted
    sources = asked.sources(folder_or_none(request))
    if file.exists() and not terminal.confirm(f"Replace {file}?"):
        raise UsageError(f"{file} is kept")
    show = Downloads(terminal)
    with upstreams(*sources, show) as (mip, exareme), show.drawn():
        show.asking(*sources)
        choice = choose(wanted, None, mip, exareme)
        size = make_stick(file, choice.pair, asked.again(), mip, exareme, wheels=wheelhouse, tell=show)
    for text in choice.notes:
        terminal.warning(text)
    if request.json_output:
        commits = {"mip_commit": choice.pair.mip.commit, "exareme_commit": choice.pair.exareme.commit}
        names = {"mip": choice.pair.mip.name, "exareme": choice.pair.exareme.name}
        terminal.document({"command": request.command, "file": str(file), "bytes": size, "versions": names | commits})
        return 0
    terminal.success(f"{file} ({size / 1e6:.1f} MB) holds {choice.pair}{', and mip-salt itself' if wheelhouse else ''}")
    terminal.say(f"There: mip-salt install -f NAME --from {file.name} {asked.again()}".rstrip())
    return 0

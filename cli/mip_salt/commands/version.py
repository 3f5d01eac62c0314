"""`mip-salt version`: which versions are installed, which there are, and whether all is as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.version_options import asked_of, folder_or_none, source_options

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder
    from mip_salt.versions.kept import Installed


@click.group()
def version() -> None:
    """Show the versions of MIP and exareme: installed, available, and whether all is right."""


@version.command(name="list")
@source_options
@click.option("--all", "unstable", is_flag=True, help="Candidates and the like too.")
@shared_options
@pass_request
def list_(request: Request, /, unstable: bool, **options: Any) -> int:
    """List MIP's releases, newest first, each with the exareme that was validated with it.

    \b
      mip-salt version list
    """
    from mip_salt.commands.downloads import Downloads
    from mip_salt.versions.releases import releases
    from mip_salt.workflows.install import upstreams, usable

    folder = folder_or_none(request)
    sources = asked_of(options).sources(folder)
    now = usable(folder) if folder else None
    show = Downloads(request.terminal)
    with upstreams(*sources, show) as (mip, exareme), show.drawn():
        show.asking(*sources)
        found, tags = releases(mip, unstable=unstable), exareme.refs.tags
    rows = [
        {
            "mip": one.name,
            "exareme": one.exareme,
            "why_not": one.why_not or ("" if one.exareme in tags else f"exareme has no tag {one.exareme}"),
            "stable": one.stable,
            "installed": bool(now and now.mip.commit == one.commit),
            "commit": one.commit,
        }
        for one in found
    ]
    if request.json_output:
        request.terminal.document({"command": request.command, "releases": rows})
        return 0

    def told(row: dict[str, Any]) -> str:
        words = ["installed" if row["installed"] else "", "" if row["stable"] else "not stable", row["why_not"]]
        return ", ".join(filter(None, words)) or "can be installed"

    request.terminal.table(
        ("MIP", "EXAREME", ""), [(str(row["mip"]), str(row["exareme"]) or "–", told(row)) for row in rows]
    )
    if not rows:
        request.terminal.say(f"{sources[0].text} has no release.")
    return 0


@version.command()
@shared_options
@pass_request
def show(request: Request) -> int:
    """Show the installed versions with their commits, and those kept to go back to; asks nobody.

    \b
      mip-salt -f brain version show
    """
    from mip_salt.versions.kept import installed, kept

    folder, terminal = request.folder(), request.terminal
    now, found = installed(folder), kept(folder)
    if request.json_output:
        terminal.document(
            {
                "federation": folder.name,
                "command": request.command,
                "installed": _row(now) if now else None,
                "kept": [_row(one) for one in found],
            }
        )
        return 0
    if now is None:
        terminal.say(f"{folder.name} has no version installed yet: mip-salt -f {folder.name} install")
        return 0
    terminal.table(
        ("MIP", "EXAREME", "INSTALLED", ""),
        [
            (
                str(one.mip),
                str(one.exareme),
                one.made[:16].replace("T", " "),
                "in use" if one.id == now.id else "--rollback goes there" if one.id == now.before else "kept",
            )
            for one in found
        ],
    )
    terminal.facts(
        [
            ("mip-deployment", now.mip.commit),
            ("  from", now.sources.get("mip-deployment", "")),
            ("exareme", now.exareme.commit),
            ("  from", now.sources.get("exareme", "")),
            ("compose files", str(folder.exareme / now.compose)),
        ],
        indent=0,
    )
    return 0


@version.command()
@source_options
@click.option("--offline", is_flag=True, help="Do not ask for newer releases.")
@shared_options
@pass_request
def check(request: Request, /, offline: bool, **options: Any) -> int:
    """Check that the installed files are those of their commits, and look for a newer release.

    Ends with 6 if files were changed or are missing; a newer release is told, and is no error.

    \b
      mip-salt -f brain version check
    """
    from mip_salt.errors import UsageError
    from mip_salt.versions.kept import installed
    from mip_salt.versions.releases import age, is_release
    from mip_salt.workflows.install import again, faults, to_follow

    folder, terminal = request.folder(), request.terminal
    now = installed(folder)
    if now is None:
        raise UsageError(f"{folder.name} has no version installed yet", hint=f"mip-salt -f {folder.name} install")
    wrong, asked = faults(folder, now), to_follow(folder)
    newest = "" if offline else _newest(request, folder, options)
    newer = newest if is_release(newest) and (not is_release(now.mip.name) or age(newest) > age(now.mip.name)) else ""
    if request.json_output:
        terminal.document(
            {
                "federation": folder.name,
                "command": request.command,
                "installed": _row(now),
                "faults": wrong,
                "asked_for": asked.model_dump() if asked else None,
                "newer": newer,
            }
        )
        return 6 if wrong else 0
    for fault in wrong:
        terminal.warning(fault)
    if wrong:
        terminal.warning(f"{now} is not as it was installed. Mend it: mip-salt -f {folder.name} install {again(now)}")
    else:
        terminal.success(f"{now}: all files are as they were installed")
    if now.exareme.name != now.validated:
        terminal.warning(f"They were not validated together: MIP {now.mip} was with exareme {now.validated or '?'}.")
    if asked:
        terminal.warning(
            f"federation.sls asks for MIP {asked.mip} with exareme {asked.exareme}: mip-salt -f {folder.name} install"
        )
    if newer:
        terminal.warning(f"MIP {newer} is there: mip-salt -f {folder.name} install")
    elif newest:
        terminal.say(f"{newest} is the newest release that can be deployed.")
    return 6 if wrong else 0


def _newest(request: Request, folder: Folder, options: dict[str, Any]) -> str:
    """Return the newest stable release that can be deployed, or nothing."""
    from mip_salt.commands.downloads import Downloads
    from mip_salt.versions.releases import releases
    from mip_salt.workflows.install import upstreams

    sources = asked_of(options).sources(folder)
    show = Downloads(request.terminal)
    with upstreams(*sources, show) as (mip, _), show.drawn():
        show.asking(sources[0])
        return next((one.name for one in releases(mip) if not one.why_not), "")


def _row(one: Installed) -> dict[str, Any]:
    return {
        **one.versions,
        "id": one.id,
        "validated": one.validated,
        "compose": one.compose,
        "before": one.before,
        "installed_at": one.made,
        "sources": one.sources,
    }

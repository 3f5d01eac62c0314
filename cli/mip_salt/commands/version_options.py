"""The options that say which versions are meant, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mip_salt.commands.context import Request
    from mip_salt.federation.folder import Folder
    from mip_salt.versions.source import Source
    from mip_salt.versions.wanted import Wanted

F = TypeVar("F", bound=Callable[..., Any])
KINDS = ("version", "branch", "commit")


@dataclass(frozen=True)
class Asked:
    """The options as given; None where not."""

    version: str | None = None
    branch: str | None = None
    commit: str | None = None
    mip_version: str | None = None
    mip_branch: str | None = None
    mip_commit: str | None = None
    force_install_unstable: bool = False
    mip_source: str | None = None
    exareme_source: str | None = None
    stick: str | None = None

    @property
    def wanted(self) -> Wanted:
        """Return which versions are meant.

        Raises UsageError for names that make no pair.
        """
        from mip_salt.versions.wanted import Ref, Wanted

        wanted = Wanted(
            tuple(Ref(kind, getattr(self, kind)) for kind in KINDS if getattr(self, kind)),  # type: ignore[arg-type]
            tuple(Ref(kind, getattr(self, f"mip_{kind}")) for kind in KINDS if getattr(self, f"mip_{kind}")),  # type: ignore[arg-type]
            self.force_install_unstable,
        )
        wanted.check()
        return wanted

    def sources(self, folder: Folder | None) -> tuple[Source, Source]:
        """Return where mip-deployment and exareme come from: the options, else the federation's settings.

        Raises UsageError for what is no source.
        """
        from mip_salt.errors import UsageError
        from mip_salt.federation.document import load
        from mip_salt.federation.settings import Settings
        from mip_salt.versions.source import EXAREME, MIP, source_of

        if self.stick and (self.mip_source or self.exareme_source):
            raise UsageError(
                "--from is the source of both, so neither --mip-source nor --exareme-source goes with it",
                hint="Leave out --from, or the other two.",
            )
        named = load(folder).settings.sources if folder and folder.exists() else Settings().sources
        return (
            source_of(MIP, self.stick or self.mip_source or named.mip),
            source_of(EXAREME, self.stick or self.exareme_source or named.exareme),
        )

    def again(self) -> str:
        """Return the options that choose the same pair from a stick."""
        import shlex

        if self.mip_version or self.mip_branch or self.mip_commit or (self.force_install_unstable and self.version):
            names = [f"--{one}" for one in KINDS if getattr(self, one)], [f"--mip-{one}" for one in KINDS]
            words = [w for one in names[0] for w in (one, getattr(self, one[2:]))]
            words += [
                w for one in names[1] if (value := getattr(self, one[2:].replace("-", "_"))) for w in (one, value)
            ]
            return shlex.join([*words, "--force-install-unstable"])
        return ""


def source_options(command: F) -> F:
    """Add the options that say where the two come from."""
    return _with(
        command,
        click.option(
            "--mip-source", metavar="SOURCE", help="Where mip-deployment comes from: URL, folder, git bundle."
        ),
        click.option("--exareme-source", metavar="SOURCE", help="Where exareme comes from."),
        click.option("--from", "stick", metavar="STICK", help="Take both from a stick that `install bundle` made."),
    )


def version_options(command: F) -> F:
    """Add the options that say which versions are meant, and where they come from."""
    return _with(
        source_options(command),
        click.option("--version", metavar="X", help="MIP release X with its exareme; in a pair, exareme's tag."),
        click.option("--mip-version", metavar="X", help="mip-deployment's tag."),
        click.option("--branch", metavar="X", help="exareme's branch."),
        click.option("--mip-branch", metavar="X", help="mip-deployment's branch."),
        click.option("--commit", metavar="X", help="exareme's commit, 40 characters."),
        click.option("--mip-commit", metavar="X", help="mip-deployment's commit."),
        click.option(
            "--force-install-unstable", is_flag=True, help="Allow a pair of your own choice, and releases not stable."
        ),
    )


def asked_of(options: dict[str, Any]) -> Asked:
    """Return a command's options of this kind."""
    return Asked(**{name: value for name, value in options.items() if name in Asked.__dataclass_fields__})


def folder_or_none(request: Request) -> Folder | None:
    """Return the folder of the federation that is meant, or None where none needs to be."""
    from mip_salt.errors import UsageError

    try:
        return request.folder()
    except UsageError:
        if request.federation:
            raise
        return None


def _with(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command

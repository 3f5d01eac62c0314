"""Install, upgrade and roll back: the new version beside the old, checked, then put in use by one rename."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mip_salt.errors import Damaged, UsageError
from mip_salt.federation.document import load, parse, put_values
from mip_salt.federation.files import write_if_changed
from mip_salt.federation.folder import Folder
from mip_salt.federation.journal import note
from mip_salt.federation.model import Versions
from mip_salt.versions import checkout, kept
from mip_salt.versions.git import Progress
from mip_salt.versions.kept import Installed
from mip_salt.versions.pair import Pair
from mip_salt.versions.releases import is_stable
from mip_salt.versions.source import EXAREME, MIP, Source
from mip_salt.versions.upstream import Upstream, upstream

Tell = Callable[[str, Progress], None]


@dataclass(frozen=True)
class Outcome:
    """What came of an install or a rollback.

    kind
        unchanged; installed, where there was none; changed, to another version; mended, where files of it were damaged.
    """

    kind: Literal["unchanged", "installed", "changed", "mended"]
    now: Installed
    before: Installed | None = None
    faults: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@contextmanager
def upstreams(mip: Source, exareme: Source, tell: Tell) -> Iterator[tuple[Upstream, Upstream]]:
    """Open both sources for the while.

    tell
        Called with a project's name and how far its download is.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mip-salt-", ignore_cleanup_errors=True)))
        yield (
            stack.enter_context(upstream(mip, scratch / MIP, lambda progress: tell(MIP, progress))),
            stack.enter_context(upstream(exareme, scratch / EXAREME, lambda progress: tell(EXAREME, progress))),
        )


def to_follow(folder: Folder) -> Versions | None:
    """Return the versions that the document asks for where they are not the installed ones.

    So it is after a restore, an import, or an edit by hand or git. A command killed between the two is no edit.
    """
    if not folder.exists():
        return None
    asked = load(folder).versions
    now = usable(folder)
    if not (asked.mip or asked.exareme) or (now and now.id == kept.announced(folder)):
        return None
    if now and all(getattr(asked, key) in (None, value) for key, value in now.versions.items()):
        return None
    return asked


def usable(folder: Folder) -> Installed | None:
    """Return the version in use, or None if there is none whose `version.json` can be read."""
    try:
        return kept.installed(folder)
    except Damaged:
        if folder.exareme.is_symlink() or not folder.exareme.exists():
            return None
        raise


def faults(folder: Folder, version: Installed) -> list[str]:
    """Return what is wrong with a version's files."""
    return checkout.faults(folder.versions / version.id, version.mip, version.exareme, version.compose)


def install(folder: Folder, pair: Pair, mip: Upstream, exareme: Upstream) -> Outcome:
    """Put a pair in use; whatever fails or kills it leaves the old version in use, or the new one.

    The federation's lock is held.

    Raises UsageError, Unreachable or Damaged; the old version is then still in use.
    """
    load(folder)  # what is damaged is told before anything is downloaded
    settle(folder)
    now = usable(folder)
    wrong = faults(folder, now) if now and now.is_of(pair) else []
    if now and now.is_of(pair) and not wrong:
        record(folder, now)
        return Outcome("unchanged", now)
    with kept.staging(folder) as path:
        checkout.make(path, pair, mip, exareme)
        bad = checkout.faults(path, pair.mip, pair.exareme, pair.compose)
        if bad:
            raise Damaged(
                f"what was downloaded is not usable: {bad[0]}", hint="What was installed before is untouched."
            )
        # A mended version keeps its way back: what it replaces is damaged.
        before = (now.before if wrong else now.id) if now else ""
        new = kept.seal(folder, path, pair, {MIP: mip.source.text, EXAREME: exareme.source.text}, before)
    put_in_use(folder, new)
    removed = kept.prune(folder)
    return Outcome("mended" if wrong else "changed" if now else "installed", new, now, wrong, removed)


def rollback(folder: Folder) -> Outcome:
    """Put the version that was in use before the present one in use again; nothing is downloaded.

    The federation's lock is held.

    Raises UsageError if there is none, Damaged if its files are.
    """
    load(folder)
    settle(folder)
    now = kept.installed(folder)
    if now is None:
        raise UsageError("nothing is installed yet", hint=f"mip-salt -f {folder.name} install")
    back = next((one for one in kept.kept(folder) if one.id == now.before), None)
    if back is None:
        raise UsageError(
            f"there is no version to go back to: {now} is the first that is kept here",
            hint=f"Install the one you want: mip-salt -f {folder.name} install --version X",
        )
    wrong = faults(folder, back)
    if wrong:
        raise Damaged(
            f"{back} is kept, but not as it was: {wrong[0]}",
            hint=f"Install it anew: mip-salt -f {folder.name} install {again(back)}",
        )
    put_in_use(folder, back)
    return Outcome("changed", back, now)


def again(version: Installed) -> str:
    """Return the options of `install` that choose a version's commits once more."""
    if version.exareme.name == version.validated and is_stable(version.mip.name):
        return f"--version {version.mip.name}"
    return f"--commit {version.exareme.commit} --mip-commit {version.mip.commit} --force-install-unstable"


def put_in_use(folder: Folder, version: Installed) -> None:
    """Switch to a version that is kept, and write it down in the federation's document."""
    kept.announce(folder, version.id)
    kept.switch(folder, version.id)
    record(folder, version)
    kept.withdraw(folder)
    note(folder, "installed", result=f"{version} ({version.mip.commit[:12]}, {version.exareme.commit[:12]})")


def settle(folder: Folder) -> None:
    """Finish what a killed command left between the switch and its record."""
    name, now = kept.announced(folder), usable(folder)
    if now and now.id == name:
        record(folder, now)
    kept.withdraw(folder)
    kept.sweep(folder)


def record(folder: Folder, version: Installed) -> bool:
    """Write a version into the federation's document, if it says otherwise; return whether it did."""
    text = folder.document.read_text("utf-8")
    fresh = put_values(text, "versions", version.versions)
    parse(fresh, folder.name)  # what we would not read back is not written
    return load(folder).versions.model_dump() != version.versions and write_if_changed(folder.document, fresh)

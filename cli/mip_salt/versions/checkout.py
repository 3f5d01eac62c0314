"""Make a version's files, and check them: exareme's checkout, with what is needed of mip-deployment in it."""

from __future__ import annotations

from pathlib import Path

import yaml

from mip_salt.errors import MipError
from mip_salt.printable import printable
from mip_salt.versions.git import Git
from mip_salt.versions.kept import ABOUT, MIP_FOLDER
from mip_salt.versions.needs import COMPOSE_FILES, FRONT_END
from mip_salt.versions.pair import Pair, Pin
from mip_salt.versions.upstream import Upstream

MAX_COMPOSE = 1 << 20
# Not `git status`: it reads the .gitignore of every folder, and asks the source for those that were not checked out.
CHANGED = ("--no-optional-locks", "diff", "--no-renames", "--no-ext-diff", "--name-only", "-z", "HEAD")
# What is ours is no change of exareme's.
ADDED = ("ls-files", "--others", "-z", f"--exclude=/{MIP_FOLDER}/", f"--exclude=/{ABOUT}")


def make(path: Path, pair: Pair, mip: Upstream, exareme: Upstream) -> None:
    """Fill an empty folder with a pair's files.

    Raises UsageError, Unreachable or Damaged; what is in use is not touched.
    """
    exareme.check_out(pair.exareme.commit, pair.exareme_paths, path)
    mip.check_out(pair.mip.commit, pair.mip_paths, path / MIP_FOLDER)


def faults(path: Path, mip: Pin, exareme: Pin, compose: str) -> list[str]:
    """Return what is wrong with a version's files: another commit, a file changed or missing, no compose file."""
    found = []
    for project, pin, at in (("exareme", exareme, path), ("mip-deployment", mip, path / MIP_FOLDER)):
        found += [f"{project}: {fault}" for fault in _git_faults(at, pin.commit)]
    for file in (*(path / compose / name for name in COMPOSE_FILES), path / MIP_FOLDER / FRONT_END):
        fault = _compose_fault(file)
        found += [f"{file.relative_to(path)}: {fault}"] if fault else []
    return found


def _git_faults(at: Path, commit: str) -> list[str]:
    """Compare a checkout with its commit, asking nobody: git hashes every file whose time or size tells of a change."""
    if not (at / ".git").is_dir():
        return ["the checkout is missing"]
    git = Git(protocol="")
    try:
        head = git.run("rev-parse", "HEAD", at=at).decode("ascii", "replace").strip()
        said = [git.run(*words, at=at).decode("utf-8", "replace") for words in (CHANGED, ADDED)]
    except MipError as err:
        return [err.message]
    changed = [name for names in said for name in names.split("\0") if name]
    wrong = [] if head == commit else [f"it is at {printable(head, 12)}, not at {commit[:12]}"]
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    names = ", ".join(printable(name, 120) for name in changed[:3])
    return [*wrong, *([f"changed by hand: {names}{more}"] if changed else [])]


def _compose_fault(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_COMPOSE:
            return "too large"
        told = yaml.safe_load(file.read_text("utf-8"))
    except OSError as err:
        return f"cannot be read: {err.strerror}"
    except (yaml.YAMLError, ValueError, RecursionError):
        return "is no YAML"
    services = told.get("services") if isinstance(told, dict) else None
    return "" if isinstance(services, dict) and services else "names no services"

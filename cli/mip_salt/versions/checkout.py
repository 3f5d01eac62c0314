"""Make a version's files, and check them: exareme's checkout, with what is needed of mip-deployment in it."""

from __future__ import annotations

from pathlib import Path

import yaml

from mip_salt.errors import Damaged
from mip_salt.printable import printable
from mip_salt.versions.git import Git
from mip_salt.versions.kept import ABOUT, MIP_FOLDER
from mip_salt.versions.needs import COMPOSE_FILES, FRONT_END
from mip_salt.versions.pair import Pair, Pin
from mip_salt.versions.upstream import Upstream

MAX_COMPOSE = 1 << 20


def make(path: Path, pair: Pair, mip: Upstream, exareme: Upstream) -> None:
    """Fill an empty folder with a pair's files.

    Raises UsageError, Unreachable or Damaged; what is in use is not touched.
    """
    exareme.check_out(pair.exareme.commit, pair.exareme_paths, path)
    # What is ours is no change of exareme's.
    (path / ".git" / "info" / "exclude").write_text(f"/{MIP_FOLDER}/\n/{ABOUT}\n", "utf-8")
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
    """Compare a checkout with its commit: git hashes every file whose time or size tells of a change."""
    if not (at / ".git").is_dir():
        return ["the checkout is missing"]
    git = Git()
    try:
        head = git.run("rev-parse", "HEAD", at=at).decode("ascii", "replace").strip()
        status = ("--no-optional-locks", "status", "--porcelain=v1", "-z", "--untracked-files=all")
        changed = [row for row in git.run(*status, at=at).decode("utf-8", "replace").split("\0") if row]
    except Damaged as err:
        return [err.message]
    wrong = [] if head == commit else [f"it is at {printable(head, 12)}, not at {commit[:12]}"]
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    names = ", ".join(printable(row[3:], 120) for row in changed[:3])
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

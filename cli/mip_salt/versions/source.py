"""Where mip-deployment and exareme come from: a URL, a folder, a git bundle, or a stick that holds bundles of both."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mip_salt.errors import Damaged, UsageError
from mip_salt.printable import printable
from mip_salt.versions.git import Git, Progress, Tell, quiet

Project = Literal["mip-deployment", "exareme"]
MIP: Project = "mip-deployment"
EXAREME: Project = "exareme"
MAX_BUNDLE = 4 << 30
HTTPS = re.compile(r"https://[A-Za-z0-9.\[\]:-]+(/[^\s?#]*)?\Z")
SSH = re.compile(r"(ssh://([A-Za-z0-9_.-]+@)?[A-Za-z0-9.\[\]:-]+/\S+|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^\s:-]\S*)\Z")


@dataclass(frozen=True)
class Source:
    """One project's source, as the operator named it.

    text
        A URL as given, or the absolute path of a folder or file.
    """

    project: Project
    text: str
    kind: Literal["https", "ssh", "folder", "bundle", "stick"]

    @property
    def protocol(self) -> str:
        """Return the one protocol that git may speak to it."""
        return self.kind if self.kind in ("https", "ssh") else "file"


def source_of(project: Project, text: str) -> Source:
    """Return what an operator's word for a source means.

    Raises UsageError for what is none, and for a URL that holds a password: it would show in ``ps``.
    """
    shown = printable(re.sub(r"//[^/@]*@", "//…@", text), 120)
    if text != printable(text, len(text)) or not text.strip() or text.startswith("-"):
        raise UsageError(f"{shown!r} is no source", hint="Give a URL, a folder, a git bundle or a stick.")
    if SSH.match(text):
        return Source(project, text, "ssh")
    if HTTPS.match(text):
        return Source(project, text, "https")
    if text.startswith("https://") and "@" in text.split("/")[2]:
        raise UsageError(
            f"{shown} names a user or a password, and a URL is no place for one: it shows in ps, and stays in files",
            hint="Use ssh:// with a key that your ssh-agent holds, or a folder, or a git bundle.",
        )
    path = Path(os.path.abspath(Path(text.removeprefix("file://")).expanduser()))  # noqa: PTH100 - a link may stay one
    if re.match(r"[A-Za-z0-9+.-]*:[:/]", text) and not text.startswith("file:///"):
        raise UsageError(f"{shown} cannot be a source", hint="Use https://, ssh://, a folder, a git bundle or a stick.")
    if path.is_dir():
        return Source(project, str(path), "folder")
    return Source(project, str(path), _kind_of_file(path, shown))


def _kind_of_file(path: Path, shown: str) -> Literal["bundle", "stick"]:
    try:
        with path.open("rb") as file:
            if re.match(rb"# v[23] git bundle\n", file.read(20)):
                return "bundle"
        if tarfile.is_tarfile(path):
            return "stick"
    except OSError as err:
        raise UsageError(
            f"{shown} cannot be read: {err.strerror}", hint="Give a URL, a folder or a git bundle."
        ) from err
    raise UsageError(f"{shown} is neither a git bundle nor a stick", hint="mip-salt install bundle FILE makes a stick.")


@contextmanager
def opened(source: Source, scratch: Path, tell: Tell = quiet) -> Iterator[tuple[Git, str]]:
    """Give how to call git for a source, and the URL to call it with.

    scratch
        An empty folder for the while: bundles are unpacked there, and become a folder like any other.

    Raises UsageError or Damaged for a bundle that cannot be unpacked.
    """
    git = Git(source.protocol, source.text)
    if source.kind in ("https", "ssh"):
        yield git, source.text
    elif source.kind == "folder":
        yield git, f"file://{source.text}"
    else:
        bundle = Path(source.text) if source.kind == "bundle" else _from_stick(source, scratch)
        tell(Progress("unpacking"))
        yield git, f"file://{_unpacked(git, bundle, scratch)}"


def bundle_name(project: Project) -> str:
    """Return what a project's bundle is called on a stick."""
    return f"{project}.bundle"


def _from_stick(source: Source, scratch: Path) -> Path:
    out = scratch / bundle_name(source.project)
    try:
        with tarfile.open(source.text) as stick:
            member = next((one for one in stick if one.name.removeprefix("./") == out.name), None)
            if member is None or not member.isfile() or member.size > MAX_BUNDLE:
                raise UsageError(
                    f"{source.text} holds no {out.name}", hint="Make a stick with: mip-salt install bundle FILE"
                )
            with stick.extractfile(member) as packed, out.open("wb") as file:  # type: ignore[union-attr]
                shutil.copyfileobj(packed, file)
    except (OSError, EOFError, tarfile.TarError) as err:
        raise Damaged(
            f"{source.text} is damaged: {printable(err, 120)}", hint="Copy it from where it was made again."
        ) from err
    return out


def _unpacked(git: Git, bundle: Path, scratch: Path) -> Path:
    """Make a bundle a repository.

    A bundle of a shallow repository lacks the parents of its commits and does not say so: git takes it only once those
    commits are named as the end of history (measured, 2.39).
    """
    into = scratch / "unpacked"
    git.run("init", "--quiet", "--bare", into)
    fetch = ("fetch", "--quiet", "--no-tags", "--no-auto-gc", str(bundle), "+refs/*:refs/*")
    try:
        git.run(*fetch, at=into)
    except Damaged:
        heads = {line.split(" ")[0] for line in git.run("bundle", "list-heads", bundle).decode().splitlines()}
        (into / "shallow").write_text("".join(f"{head}\n" for head in sorted(heads)), "ascii")
        git.run(*fetch, at=into)
    return into

"""A source, opened: the tags and branches it has, and as little as possible of its commits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mip_salt.errors import Damaged, UsageError
from mip_salt.versions.git import Git, Tell, quiet
from mip_salt.versions.pair import COMMIT
from mip_salt.versions.source import Source, opened

REF = re.compile(r"([0-9a-f]{40})\trefs/(tags|heads)/([A-Za-z0-9][A-Za-z0-9._/+@-]{0,99})(\^\{\})?\Z")
MAX_REFS, MAX_BLOB = 20_000, 1 << 20
FEW = ("--depth=1", "--filter=blob:none")
FETCH = ("fetch", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--progress")


@dataclass(frozen=True)
class Refs:
    """Names and commits: what the source says of itself, checked for form."""

    tags: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A file of a commit: mode as git has it, object id, and path."""

    mode: str
    id: str
    path: str


class Upstream:
    """One project's source, with a bare repository beside it for what is looked at."""

    def __init__(self, source: Source, git: Git, url: str, scratch: Path, tell: Tell = quiet) -> None:
        self.source, self.git, self.url, self.tell = source, git, url, tell
        self.at = scratch / "looked-at"
        self.fetched: set[str] = set()

    @property
    def project(self) -> str:
        """Return the project's name."""
        return self.source.project

    @cached_property
    def refs(self) -> Refs:
        """Return the source's tags and branches; an annotated tag is the commit it names."""
        refs = Refs()
        said = self.git.run("ls-remote", "--heads", "--tags", self.url).decode("utf-8", "replace")
        # A tag's own object comes first, what it names, marked ^{}, after it.
        for line in said.splitlines()[:MAX_REFS]:
            found = REF.match(line)
            if found:
                (refs.tags if found[2] == "tags" else refs.branches)[found[3]] = found[1]
        return refs

    def fetch(self, commits: Iterable[str]) -> None:
        """Have the trees of some commits, without their files.

        Raises UsageError if one is not there.
        """
        wanted = [commit for commit in dict.fromkeys(commits) if commit not in self.fetched]
        if not wanted:
            return
        begin(self.git, self.at, self.url, bare=True)
        self.git.run(*FETCH, *FEW, "origin", *wanted, at=self.at, tell=self.tell)
        self.fetched |= set(wanted)

    def is_commit(self, commit: str) -> bool:
        """Say whether an object that was fetched is a commit."""
        return self.git.run("cat-file", "-t", commit, at=self.at).strip() == b"commit"

    def files(self, commit: str, paths: Sequence[str] = ()) -> list[Entry]:
        """Return the files of a fetched commit under some paths; none given: what lies at its top."""
        recurse = ("-r",) if paths else ()
        said = self.git.run(
            "--literal-pathspecs", "ls-tree", *recurse, "-z", "--full-tree", commit, "--", *paths, at=self.at
        )
        entries = []
        for row in said.decode("utf-8", "surrogateescape").split("\0"):
            head, _, path = row.partition("\t")
            if path:
                mode, _, name = head.split(" ", 2)
                entries.append(Entry(mode, name, path))
        return entries

    def contents(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of some files of fetched commits, by object id, in one trip.

        Raises Damaged for one that is larger than 1 MiB, or that the source does not give.
        """
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        names = "".join(f"{name}\n" for name in wanted).encode("ascii")
        noop = ("-c", "fetch.negotiationAlgorithm=noop")
        self.git.run(*noop, *FETCH, "--filter=blob:none", "--stdin", "origin", at=self.at, stdin=names, tell=self.tell)
        said, found = self.git.run("cat-file", "--batch", at=self.at, stdin=names), {}
        while said:
            head, _, said = said.partition(b"\n")
            name, kind, size = [*head.decode("ascii", "replace").split(" "), "", ""][:3]
            if kind != "blob" or int(size) > MAX_BLOB:
                raise Damaged(
                    f"{self.source.text} gives no usable file {name[:12]}",
                    hint="It may not be the repository you mean, or its copy is damaged: look at it with git fsck.",
                )
            found[name], said = said[: int(size)], said[int(size) + 1 :]
        return found

    def check_out(self, commit: str, paths: Sequence[str], into: Path) -> None:
        """Make a folder a shallow checkout of one commit that holds some paths of it, and nothing else.

        Raises UsageError, Unreachable or Damaged as git does.
        """
        begin(self.git, into, self.url)
        (into / ".git" / "info").mkdir(exist_ok=True)
        (into / ".git" / "info" / "sparse-checkout").write_text("".join(f"/{path}\n" for path in paths), "utf-8")
        self.git.run("config", "core.sparseCheckout", "true", at=into)
        self.git.run(*FETCH, *FEW, "origin", commit, at=into, tell=self.tell)
        self.git.run("checkout", "--quiet", "--detach", commit, at=into, tell=self.tell)
        # A bundle was unpacked in a place that is gone by now.
        self.git.run("config", "remote.origin.url", self.source.text, at=into)


def begin(git: Git, at: Path, url: str, *, bare: bool = False) -> None:
    """Make a repository that can get from a source, unless it is one."""
    if not at.exists() or not any(at.iterdir()):
        git.run("init", "--quiet", *(("--bare",) if bare else ()), at)
        git.run("remote", "add", "origin", url, at=at)


@contextmanager
def upstream(source: Source, scratch: Path, tell: Tell = quiet) -> Iterator[Upstream]:
    """Open a source.

    scratch
        An empty folder for the while.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with opened(source, scratch, tell) as (git, url):
        git.require()
        yield Upstream(source, git, url, scratch, tell)


def only_commit(text: str) -> str:
    """Return a commit's full id, or raise UsageError with the rule."""
    if not COMMIT.match(text):
        raise UsageError(f"{text[:60]!r} is no commit", hint="Give the full id, 40 of 0-9 and a-f.")
    return text

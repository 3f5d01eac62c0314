"""mip-deployment's releases: which can be deployed by mip-salt, and the exareme that was validated with each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mip_salt.versions.needs import FRONT_END, VERSIONS_ENV
from mip_salt.versions.upstream import Upstream

RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:[.+-]?([A-Za-z][A-Za-z0-9.+-]{0,30}))?\Z")
# What upstream calls a git tag; it becomes an image's tag too.
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
LOOKED_AT = 40


@dataclass(frozen=True)
class Release:
    """One release of mip-deployment.

    exareme
        The version validated with it; empty where its `.versions_env` names none.
    why_not
        Why mip-salt cannot deploy it; empty if it can.
    """

    name: str
    commit: str
    exareme: str = ""
    why_not: str = ""

    @property
    def stable(self) -> bool:
        """Say whether it is meant for production."""
        return is_stable(self.name)


def is_release(name: str) -> bool:
    """Say whether a tag names a release: 7.1.0, 7.1, v7.1.0, 7.1.0-rc1."""
    return bool(RELEASE.match(name))


def is_stable(name: str) -> bool:
    """Say whether a tag names a release that is no candidate, beta or the like."""
    found = RELEASE.match(name)
    return bool(found and not found[4])


def age(name: str) -> tuple[int, int, int, bool, str]:
    """Return the key that sorts releases, oldest first; a candidate is older than what it is a candidate for."""
    found = RELEASE.match(name)
    if not found:
        return (0, 0, 0, False, name)
    return int(found[1]), int(found[2]), int(found[3] or 0), not found[4], found[4] or ""


def newest_first(names: Iterable[str]) -> list[str]:
    """Return tags that name releases, newest first."""
    return sorted(filter(is_release, names), key=age, reverse=True)


def exareme_of(versions_env: bytes) -> str:
    """Return the value of ``EXAREME=`` in a `.versions_env`; empty if it has none that could be a tag."""
    for line in versions_env.decode("utf-8", "replace").splitlines():
        name, _, value = line.strip().partition("=")
        if name.strip() == "EXAREME":
            value = value.strip().strip("\"'")
            return value if TAG.match(value) else ""
    return ""


def releases(mip: Upstream, *, unstable: bool = False) -> list[Release]:
    """Return mip-deployment's newest releases, newest first, at most 40 of them; one trip for all.

    unstable
        Candidates and the like too.
    """
    tags = mip.refs.tags
    return look(mip, {name: tags[name] for name in newest_first(tags) if unstable or is_stable(name)})


def look(mip: Upstream, named: dict[str, str]) -> list[Release]:
    """Return what some commits of mip-deployment are, in their order.

    named
        Name → commit.
    """
    few = dict(list(named.items())[:LOOKED_AT])
    mip.fetch(few.values())
    found = {name: {e.path: e for e in mip.files(commit, [VERSIONS_ENV, FRONT_END])} for name, commit in few.items()}
    texts = mip.contents(files[VERSIONS_ENV].id for files in found.values() if VERSIONS_ENV in files)
    result = []
    for name, commit in few.items():
        files = found[name]
        exareme = exareme_of(texts[files[VERSIONS_ENV].id]) if VERSIONS_ENV in files else ""
        lacks = [
            *([] if exareme else [f"no EXAREME in {VERSIONS_ENV}"]),
            *([] if FRONT_END in files else ["no Federation/"]),
        ]
        result.append(Release(name, commit, exareme, " and ".join(lacks)))
    return result

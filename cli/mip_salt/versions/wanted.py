"""What an operator asks to be installed, and which commits that means: versions validated together, unless forced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from mip_salt.errors import UsageError
from mip_salt.federation.model import Versions
from mip_salt.federation.problems import did_you_mean
from mip_salt.printable import printable
from mip_salt.versions import needs
from mip_salt.versions.pair import COMMIT, Pair, Pin
from mip_salt.versions.releases import Release, age, is_stable, look, newest_first, releases
from mip_salt.versions.upstream import Upstream, only_commit

Kind = Literal["version", "branch", "commit"]
FORCE = "--force-install-unstable"
LISTED = 12
KUBERNETES = "8.0.0"  # from here on MIP is deployed on it; 5.0.0 and earlier had no Federation/ either


@dataclass(frozen=True)
class Ref:
    """A name an operator gave, and the kind of thing it names."""

    kind: Kind
    name: str


@dataclass(frozen=True)
class Wanted:
    """What the operator asked for: nothing, a release of MIP, or one name for each of the two projects."""

    exareme: tuple[Ref, ...] = ()
    mip: tuple[Ref, ...] = ()
    unstable: bool = False

    def __bool__(self) -> bool:
        return bool(self.exareme or self.mip)

    @property
    def release(self) -> str:
        """Return the release of MIP that ``--version`` alone asks for, or nothing."""
        alone = not self.mip and len(self.exareme) == 1 and self.exareme[0].kind == "version"
        return self.exareme[0].name if alone else ""

    def check(self) -> None:
        """Raise UsageError for names that do not make a pair, or a pair that was not forced."""
        if not self or self.release:
            return
        for refs, prefix, what in ((self.exareme, "--", "exareme"), (self.mip, "--mip-", "MIP")):
            if len(refs) != 1:
                given = " and ".join(prefix + ref.kind for ref in refs) or "nothing"
                raise UsageError(
                    f"{given} says which {what}: one of {prefix}version, {prefix}branch and {prefix}commit does",
                    hint="They come in pairs, one for exareme and one for MIP. --version X alone is MIP release X, "
                    "with the exareme validated with it.",
                )
        for ref in (*self.exareme, *self.mip):
            if ref.kind == "commit":
                only_commit(ref.name)
        if not self.unstable:
            raise UsageError(
                "a pair of your own choice was not validated together",
                hint=f"If you mean it, add {FORCE}. --version X alone is MIP release X, with its own exareme.",
            )


@dataclass(frozen=True)
class Choice:
    """What is to be installed, and what should be said of it."""

    pair: Pair
    notes: list[str] = field(default_factory=list)


def choose(wanted: Wanted, recorded: Versions | None, mip: Upstream, exareme: Upstream) -> Choice:
    """Return the commits that are meant.

    wanted
        What the operator asked for, checked.
    recorded
        What the federation's document says, if that is to be installed where nothing is asked for.

    Raises UsageError, listing what exists, for what does not resolve or cannot be deployed.
    """
    if wanted.release:
        return Choice(_of_release(_release(mip, wanted.release, unstable=wanted.unstable), mip, exareme))
    if wanted:
        return _chosen(_pair(_pin(mip, wanted.mip[0]), _pin(exareme, wanted.exareme[0]), mip, exareme))
    if recorded and recorded.mip_commit and recorded.exareme_commit:
        pins = (
            Pin(recorded.mip or recorded.mip_commit, recorded.mip_commit),
            Pin(recorded.exareme or recorded.exareme_commit, recorded.exareme_commit),
        )
        return _chosen(_pair(*pins, mip, exareme))
    if recorded and (recorded.mip or recorded.exareme):
        return Choice(_of_release(_of_names(recorded, mip), mip, exareme))
    found = releases(mip)
    newest = next((one for one in found if not one.why_not), None)
    if newest is None:
        raise UsageError(f"{mip.source.text} has no stable release that mip-salt can deploy", hint=_have(mip))
    passed = found[: found.index(newest)]
    return Choice(
        _of_release(newest, mip, exareme),
        [f"MIP {one.name} is passed over: {one.why_not}{_kubernetes(one)}." for one in passed],
    )


def _chosen(pair: Pair) -> Choice:
    """Return a pair of the operator's own choice, and say if it was not validated together."""
    if pair.exareme.name == pair.validated:
        return Choice(pair)
    with_ = f"that MIP was validated with exareme {pair.validated}" if pair.validated else "that MIP names no exareme"
    return Choice(pair, [f"{pair}: not validated together; {with_}."])


def _kubernetes(release: Release) -> str:
    bare = "Federation" in release.why_not and "EXAREME" in release.why_not
    return "; it is deployed on Kubernetes" if bare and age(release.name) >= age(KUBERNETES) else ""


def _release(mip: Upstream, name: str, *, unstable: bool) -> Release:
    if name not in mip.refs.tags:
        raise UsageError(
            f"there is no MIP release {printable(name, 60)!r}{_near(name, mip.refs.tags)}", hint=_have(mip)
        )
    if not is_stable(name) and not unstable:
        raise UsageError(f"MIP {name} is not a stable release", hint=f"If you mean it, add {FORCE}. {_have(mip)}")
    (release,) = look(mip, {name: mip.refs.tags[name]})
    if release.why_not:
        raise UsageError(
            f"MIP {name} cannot be deployed by mip-salt: {release.why_not}{_kubernetes(release)}", hint=_have(mip)
        )
    return release


def _of_names(recorded: Versions, mip: Upstream) -> Release:
    """Return what a document means that names versions and no commits: one written by hand, or imported."""
    if recorded.mip:
        try:
            release = _release(mip, recorded.mip, unstable=True)
        except UsageError as err:
            raise UsageError(
                f"{err.message}, which pillar/federation.sls names",
                hint=f"{err.hint}\nName a source that has it, or take another: --version X",
            ) from err
    else:
        fits = [one for one in releases(mip) if not one.why_not and one.exareme == recorded.exareme]
        if not fits:
            raise UsageError(
                f"no MIP release was validated with the federation's exareme, {printable(recorded.exareme, 60)}",
                hint="See: mip-salt version list. Then install one of them: --version X",
            )
        release = fits[0]
    if recorded.exareme and recorded.exareme != release.exareme:
        raise UsageError(
            f"the federation names MIP {release.name} with exareme {printable(recorded.exareme, 60)}, and it was "
            f"validated with {release.exareme}",
            hint=f"Take the pair: --version {release.name}. Or, if you mean it: --mip-version {release.name} "
            f"--version {printable(recorded.exareme, 60)} {FORCE}",
        )
    return release


def _of_release(release: Release, mip: Upstream, exareme: Upstream) -> Pair:
    """Return a release with the exareme validated with it."""
    tags = exareme.refs.tags
    if release.exareme not in tags:
        raise UsageError(
            f"{exareme.source.text} has no tag {release.exareme}, with which MIP {release.name} was validated",
            hint=_have(exareme),
        )
    return _pair(Pin(release.name, release.commit), Pin(release.exareme, tags[release.exareme]), mip, exareme)


def _pin(upstream: Upstream, ref: Ref) -> Pin:
    """Return the commit that a name means."""
    if ref.kind == "commit":
        return Pin(ref.name, ref.name)
    known = upstream.refs.tags if ref.kind == "version" else upstream.refs.branches
    if ref.name not in known:
        what = "tag" if ref.kind == "version" else "branch"
        raise UsageError(
            f"{upstream.project} has no {what} {printable(ref.name, 60)!r}{_near(ref.name, known)}",
            hint=_have(upstream, ref.kind),
        )
    return Pin(ref.name, known[ref.name])


def _pair(mip_pin: Pin, exareme_pin: Pin, mip: Upstream, exareme: Upstream) -> Pair:
    """Look at both commits, and return what is needed of them."""
    for upstream, pin in ((mip, mip_pin), (exareme, exareme_pin)):
        try:
            upstream.fetch([pin.commit])
            known = upstream.is_commit(pin.commit)
        except UsageError as err:
            if not COMMIT.match(pin.name):
                raise
            raise UsageError(err.message, hint=_have(upstream, "commit")) from err
        if not known:
            raise UsageError(f"{pin.commit} is no commit of {upstream.project}", hint=_have(upstream, "commit"))
    (release,) = look(mip, {mip_pin.name: mip_pin.commit})
    mip_paths = needs.of_mip(mip, mip_pin.commit)
    exareme_paths, compose = needs.of_exareme(exareme, exareme_pin.commit)
    return Pair(mip_pin, exareme_pin, release.exareme, tuple(mip_paths), tuple(exareme_paths), compose)


def _near(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, list(known))


def _have(upstream: Upstream, kind: Kind = "version") -> str:
    """Say what a source has of what did not resolve, newest first."""
    refs = upstream.refs
    if kind == "branch":
        return _listed(f"{upstream.project} has the branches", sorted(refs.branches))
    newest = newest_first(refs.tags)
    tags = [*newest, *sorted(set(refs.tags) - set(newest))]
    if kind == "commit":
        known = [*((name, refs.tags[name]) for name in tags), *refs.branches.items()]
        told = (f"{commit} ({name})" for name, commit in known[:LISTED])
        return "\n".join([f"{upstream.project} is, at its tags and at the ends of its branches:", *told])
    return _listed(f"{upstream.project} has", tags)


def _listed(what: str, names: list[str]) -> str:
    more = f", and {len(names) - LISTED} older" if len(names) > LISTED else ""
    return f"{what}: {', '.join(names[:LISTED]) or 'none'}{more}."

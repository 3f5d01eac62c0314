"""What of the incumbent's settings has a place in a federation of ours, and what has none, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mip_salt.incumbent.flaws import Flaws
from mip_salt.incumbent.hosts_ini import Host
from mip_salt.incumbent.variables import shown
from mip_salt.printable import printable

# `.versions_env` of mip-deployment's tags: the EXAREME line of 6.5.0 and 6.5.1 is the same, all others differ.
MIP_OF_EXAREME = {
    "22.2.2": "6.1.0",
    "22.2.3": "6.1.1",
    "22.4.1": "6.2.0",
    "23.4.1": "6.3.0",
    "23.4.4": "6.3.1",
    "24.1.2": "6.4.0",
    "24.3.0": "6.5.1",
    "24.5.0": "7.0.0",
    "24.5.1": "7.1.0",
}
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
IMAGE = "hbpmip/exareme"
NO_SETTING = "no setting of a federation yet"


@dataclass(frozen=True)
class Kept:
    """A value that goes into ``pillar/federation.sls``.

    place
        Its keys there, below ``mip``.
    """

    place: tuple[str, ...]
    value: str
    told: str

    @property
    def name(self) -> str:
        """Return its path as a person reads it."""
        return ".".join(self.place)


@dataclass(frozen=True)
class Left:
    """What is not kept, and why."""

    what: str
    why: str


def settings(
    variables: Mapping[str, tuple[str, str, int]],
    hosts: Iterable[Host],
    federation: str,
    flaws: dict[str, Flaws],
    hosts_file: str,
) -> tuple[list[Kept], list[Left]]:
    """Return what is kept and what is not.

    federation
        The incumbent's name, with which its data paths end.
    """
    values = dict(variables)
    kept, left = _versions(values, flaws)
    path, more = _data_path(hosts, federation, flaws[hosts_file], hosts_file)
    domain = _domain(values, flaws)
    for key in ("EXAREME_IMAGE", "EXAREME_TAG", "DOMAIN_NAME"):
        values.pop(key, None)
    if values.get("CONVERT_CSVS", ("FALSE", "", 0))[0].upper() == "FALSE":
        values.pop("CONVERT_CSVS", None)  # exareme's own default
    left += more
    for key, (value, file, _) in values.items():
        if value:
            left.append(Left(f"{key}={shown(key, value)} ({file})", NO_SETTING))
    return kept + path + domain, left


def _domain(values: Mapping[str, tuple[str, str, int]], flaws: dict[str, Flaws]) -> list[Kept]:
    """Return the domain whose certificate Portainer uses; whether Portainer runs the incumbent writes down nowhere."""
    from pydantic import ValidationError

    from mip_salt.federation.swarm_settings import Portainer

    domain, where, line = values.get("DOMAIN_NAME", ("", "", 0))
    if not domain:
        return []
    try:
        Portainer(domain=domain)
    except ValidationError:
        flaws[where].add(line, f"DOMAIN_NAME {printable(domain, 60)} is no whole domain name: not kept")
        return []
    return [Kept(("settings", "portainer", "domain"), domain, where)]


def _versions(values: Mapping[str, tuple[str, str, int]], flaws: dict[str, Flaws]) -> tuple[list[Kept], list[Left]]:
    image, where, line = values.get("EXAREME_IMAGE", (IMAGE, "", 0))
    left = [Left(f"EXAREME_IMAGE={printable(image, 60)} ({where})", NO_SETTING)] if image != IMAGE else []
    tag, where, line = values.get("EXAREME_TAG", ("", "", 0))
    if not tag:
        return [], left
    if not VERSION.match(tag):
        flaws[where].add(line, "EXAREME_TAG is no version: not kept")
        return [], left
    kept = [Kept(("versions", "exareme"), tag, where)]
    if tag in MIP_OF_EXAREME:
        kept.insert(0, Kept(("versions", "mip"), MIP_OF_EXAREME[tag], f"the release that goes with exareme {tag}"))
    else:
        left.append(Left("the version of MIP", f"no release of it goes with exareme {tag}"))
    return kept, left


def _data_path(hosts: Iterable[Host], federation: str, flaws: Flaws, file: str) -> tuple[list[Kept], list[Left]]:
    """Return the one path of all nodes' data, if it is one, and differs from the default."""
    from pydantic import ValidationError

    from mip_salt.federation.settings import Data

    paths: dict[str, int] = {}
    left = []
    for host in hosts:
        given = host.value("data_path")
        if given:
            path = given.rstrip("/").removesuffix(f"/{federation}") if federation else given.rstrip("/")
            try:
                paths.setdefault(Data(path=path).path, host.line_of("data_path"))
            except ValidationError:
                flaws.add(
                    host.line_of("data_path"),
                    f"data_path {printable(given, 60)} is no folder that data may lie in: not kept",
                )
        home = host.value("home_path").rstrip("/")
        if home not in ("", "/opt/mip"):
            left.append(Left(f"home_path={printable(home, 60)} of {host.name}", NO_SETTING))
    if len(paths) > 1:
        left.append(Left(f"data_path: {', '.join(paths)}", "a federation has one; the default /data stays"))
    elif paths and "/data" not in paths:
        return [Kept(("settings", "data", "path"), next(iter(paths)), file)], left
    return [], left

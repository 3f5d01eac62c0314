"""What an operator may set for a whole federation; ``pillar/defaults.yaml`` explains each for him."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, StrictStr, model_validator

from mip_salt.federation.kinds import Group, Strict, User
from mip_salt.federation.swarm_settings import Portainer, Stack, Swarm, Wait
from mip_salt.federation.ui_settings import Ui

# Docker's own packages, and the fingerprint that its manual tells of the key: "Docker Release (CE deb)", of 2017.
DOCKER = "https://download.docker.com/linux"
DOCKERS_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
SYSTEM = re.compile(r"/(bin|boot|dev|etc|lib(32|64|x32)?|proc|root|run|sbin|sys|tmp|usr|var)?(/|\Z)")
PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*){1,16}\Z")
MIRROR = re.compile(
    r"(https?://([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?|file://(?=/[^/]))(/[A-Za-z0-9_.~+-]+)*/?\Z"
)
FINGERPRINT = re.compile(r"[0-9A-F]{40}\Z")
DAEMON_KEY = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")


def _data_path(path: str) -> str:
    if not PATH.match(path):
        raise ValueError("must be an absolute path of A-Z, a-z, 0-9, _, . and -, without a / at its end")
    if SYSTEM.match(path) and not path.startswith("/var/"):
        raise ValueError(f"{path} is the system's own")
    return path


def _mirror(url: str) -> str:
    if "@" in url:
        raise ValueError("names a user: put name and password into /etc/apt/auth.conf.d on the nodes, never here")
    if not MIRROR.match(url):
        raise ValueError("must be a URL of https, http or file, as https://mirror.hospital.example/docker")
    return url.rstrip("/")


def _key(fingerprint: str) -> str:
    plain = "".join(fingerprint.split()).upper()
    if not FINGERPRINT.match(plain):
        raise ValueError("must be a key's whole fingerprint, 40 of 0-9 and A-F, as gpg --show-keys prints it")
    return plain


def _daemon(keys: dict[str, Any]) -> dict[str, Any]:
    """Refuse what would keep the engine from starting, as far as it can be known here."""
    for key in keys:
        if not DAEMON_KEY.match(key):
            raise ValueError(f"{key!r} is not a key of dockerd: they are of a-z, 0-9 and -, like log-driver")
    if "hosts" in keys:
        # Measured, docker.io 20.10 and 26.1: docker.service names -H too, and the engine refuses both at once.
        raise ValueError("hosts is set by docker.service already; with both, the engine would not start")
    options = keys.get("log-opts")
    if isinstance(options, dict):
        for name, value in options.items():
            if not isinstance(value, str):
                raise ValueError(f'log-opts.{name} must be text: write it in quotes, "{value}"')
    return keys


def _source(text: str) -> str:
    if not text.isprintable() or not text.strip() or text.startswith("-"):
        raise ValueError("must be a URL, or the path of a folder or a file")
    return text


Source = Annotated[StrictStr, Field(max_length=1000), AfterValidator(_source)]


class Data(Strict):
    """Where a federation's data lie on its nodes, and whose they are."""

    path: Annotated[StrictStr, AfterValidator(_data_path)] = Field(
        default="/data", description="the data of federation F lie in PATH/F"
    )
    user: User = Field(default="mipadmin", description="who owns them; made if missing, without a password")
    group: Group = Field(default="mipadmin", description="their group; made if missing")
    groups: list[Group] = Field(default=[], description="further groups of that user, such as docker")


class Docker(Strict):
    """The Docker engine."""

    source: Literal["distribution", "docker-ce"] = Field(
        default="distribution", description="where an engine comes from on a node that has none"
    )
    mirror: Annotated[StrictStr, Field(max_length=500), AfterValidator(_mirror)] = Field(
        default=DOCKER, description="where docker-ce comes from: Docker's own place, or a mirror laid out alike"
    )
    key: Annotated[StrictStr, Field(max_length=100), AfterValidator(_key)] = Field(
        default=DOCKERS_KEY, description="fingerprint of the key that signs it; any other is refused"
    )
    daemon: Annotated[dict[StrictStr, JsonValue], AfterValidator(_daemon)] = Field(
        default={}, description="keys merged into /etc/docker/daemon.json; null removes one"
    )

    @model_validator(mode="after")
    def _mirrors_something(self) -> Docker:
        if self.source == "distribution" and (self.mirror, self.key) != (DOCKER, DOCKERS_KEY):
            raise ValueError("mirror and key are docker-ce's: set source: docker-ce too, or leave them out")
        return self


class Sources(Strict):
    """Where MIP and exareme are installed from: a URL, a folder, a git bundle or a stick."""

    mip: Source = Field(default="https://github.com/HBPMedical/mip-deployment", description="mip-deployment's")
    exareme: Source = Field(default="https://github.com/madgik/exareme", description="exareme's")


class Settings(Strict):
    """What an operator may change for a whole federation."""

    deadline: Annotated[int, Field(strict=True, ge=10, le=86400)] = Field(
        default=900, description="seconds that one node may take for one run"
    )
    jobs: Annotated[int, Field(strict=True, ge=1, le=200)] = Field(default=24, description="nodes worked on at once")
    data: Data = Data.model_construct()
    docker: Docker = Docker.model_construct()
    swarm: Swarm = Swarm.model_construct()
    stack: Stack = Stack.model_construct()
    wait: Wait = Wait.model_construct()
    portainer: Portainer = Portainer.model_construct()
    ui: Ui = Ui.model_construct()
    sources: Sources = Sources.model_construct()
    hosts: Annotated[bool, Field(strict=True)] = Field(
        default=True, description="write the peers of a node into its /etc/hosts"
    )
    time_sync: Annotated[bool, Field(strict=True)] = Field(
        default=True, description="keep the nodes' clocks right; an NTP daemon already there is left alone"
    )

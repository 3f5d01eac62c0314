"""
Read a stack's compose file, and say whether a service that runs would be made anew by it.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. `docker stack deploy` has no
trial. What the file says of a task is compared here as far as exareme's files go; of anything more it is said that it
can't be told, and never that all stays.
"""

from __future__ import annotations

import os
import re
from typing import Any

import salt.utils.yaml
from salt.exceptions import CommandExecutionError

__virtualname__ = "mip_stack_file"

MAX_COMPOSE = 1 << 20
VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)|(.{0,40}))", re.DOTALL)
# What of a service's `deploy` decides nothing about its tasks, or is compared.
DEPLOY = {"placement", "labels"}
# Swarm does not heed depends_on (Docker's reference of compose files, version 3).
KNOWN = {"image", "environment", "volumes", "ports", "networks", "deploy", "depends_on"}


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_stack_file knows Docker's engine on Linux"
    return __virtualname__


def read(compose: str) -> dict[str, Any]:
    """
    Return a compose file's ``text``, and what it says of ``services``, ``networks`` and its ``version`` (else None).

    compose
        Its path.

    Raises CommandExecutionError if it is no compose file.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack_file.read /opt/mip/Compose-Files/docker-compose-master.yml
    """
    try:
        with open(compose, encoding="utf-8") as source:
            text = source.read(MAX_COMPOSE + 1)
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{compose}: {getattr(err, 'strerror', None) or 'is no text'}") from err
    if len(text) > MAX_COMPOSE:
        raise CommandExecutionError(f"{compose} is too large for a compose file")
    try:
        told = salt.utils.yaml.safe_load(text)
    except (salt.utils.yaml.YAMLError, ValueError) as err:
        raise CommandExecutionError(f"{compose} is no YAML") from err
    if not isinstance(told, dict) or not isinstance(told.get("services"), dict) or not told["services"]:
        raise CommandExecutionError(f"{compose} names no services")
    version = told.get("version")
    return {
        "text": text,
        "version": None if version is None else str(version),
        "services": told["services"],
        "networks": told.get("networks") or {},
    }


def restarts(
    spec: dict[str, Any], told: dict[str, Any], env: dict[str, str], networks: dict[str, str], files: dict[str, Any]
) -> list[str]:
    """
    Say why a deploy would make the tasks of a service anew; an empty list if it would leave them.

    spec
        The service's, as the engine tells it.

    told
        What the compose file says of it.

    env
        The variables that the file names.

    networks
        The names of the engine's networks, by id.

    files
        The networks of the compose file.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack_file.restarts SPEC TOLD ENV NETWORKS FILES

    ``mip_stack.check`` asks it for each service.
    """
    try:
        return _restarts(spec, _expand(told, env), networks, files)
    except (AttributeError, KeyError, LookupError, TypeError, ValueError):
        return ["the file is written in a way that is not known here"]


def _restarts(spec: dict[str, Any], told: Any, networks: dict[str, str], files: dict[str, Any]) -> list[str]:
    task, deploy = spec["TaskTemplate"], told.get("deploy") or {}
    container, placement = task["ContainerSpec"], deploy.get("placement") or {}
    more = sorted(
        [*(set(told) - KNOWN), *(set(deploy) - DEPLOY), *(set(placement) - {"constraints"})],
    )
    pairs = {
        # The engine adds the digest that the name had.
        "image": (_tagged(container["Image"].partition("@")[0]), _tagged(told["image"])),
        "volumes": (
            {_mount(one) for one in container.get("Mounts") or []},
            {_bind(v) for v in told.get("volumes", [])},
        ),
        "ports": (
            {_port(one) for one in (spec.get("EndpointSpec") or {}).get("Ports") or []},
            {_published(one) for one in told.get("ports", [])},
        ),
        "placement": (
            {_words(one) for one in (task.get("Placement") or {}).get("Constraints") or []},
            {_words(one) for one in placement.get("constraints") or []},
        ),
        "networks": (
            {networks.get(one["Target"], one["Target"]) for one in task.get("Networks") or []},
            {_network(one, files) for one in told.get("networks") or []},
        ),
    }
    found = [f"other {name}" for name, (have, want) in pairs.items() if have != want]
    have, want = _variables(container.get("Env") or []), _variables(told.get("environment") or [])
    found += [f"other {name}" for name in sorted({*have, *want}) if have.get(name) != want.get(name)]
    return found + ([f"what the file says of {', '.join(map(str, more))} is not compared"] if more else [])


def _expand(told: Any, env: dict[str, str]) -> Any:
    """Put variables in, as docker does; what it knows beyond plain names is an error."""
    if isinstance(told, dict):
        return {key: _expand(value, env) for key, value in told.items()}
    if isinstance(told, list):
        return [_expand(value, env) for value in told]
    return VARIABLE.sub(lambda found: _value(found, env), told) if isinstance(told, str) else told


def _value(found: re.Match[str], env: dict[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    name = found[1] or found[2]
    if not name:
        raise ValueError(found[0])
    return str(env.get(name, ""))


def _tagged(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def _variables(told: Any) -> dict[str, str | None]:
    rows = told.items() if isinstance(told, dict) else (one.partition("=")[::2] for one in told)
    return {name: None if value is None else str(value) for name, value in rows}


def _mount(one: dict[str, Any]) -> tuple[Any, ...]:
    return one.get("Type"), one.get("Source", "").rstrip("/"), one["Target"].rstrip("/"), bool(one.get("ReadOnly"))


def _bind(told: str) -> tuple[Any, ...]:
    source, target, *mode = told.split(":")
    if not source.startswith("/") or mode not in ([], ["ro"], ["rw"]):
        raise ValueError(told)
    return "bind", source.rstrip("/"), target.rstrip("/"), mode == ["ro"]


def _port(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["TargetPort"], one.get("PublishedPort"), one.get("Protocol", "tcp"), one.get("PublishMode", "ingress")


def _published(told: dict[str, Any]) -> tuple[Any, ...]:
    return int(told["target"]), int(told["published"]), told.get("protocol", "tcp"), told.get("mode", "ingress")


def _words(constraint: str) -> str:
    return constraint.replace(" ", "")


def _network(name: str, files: dict[str, Any]) -> str:
    external = files[name]["external"]
    return str(external["name"] if isinstance(external, dict) else files[name].get("name", name))

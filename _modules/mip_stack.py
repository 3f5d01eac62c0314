"""
Run a compose file as a stack of the swarm, on its manager: deploy it only if something differs, and see that it runs.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. `docker stack deploy` reads
the compose file, which nothing else does the same way; everything else is asked of the engine itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_stack"

NAMESPACE = "com.docker.stack.namespace"
# What a service was deployed from, and what the engine made of it. A label of a service restarts no task (measured).
LABEL = "org.mip-salt.deployed"
PATH = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/sbin:/bin:/snap/bin"
# Seconds for `docker stack deploy`, which asks a registry for what each image is.
DEPLOY = 300
# Seconds after which a task that no node was found for is tried anew: swarm itself may never do so, when its node is
# available again (moby 31014, 32999; measured, 20.10).
STUCK = 10
PAUSE = 0.5


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_stack knows Docker's engine on Linux"
    return __virtualname__


def check(name: str, compose: str, env: dict[str, str]) -> dict[str, Any]:
    """
    Say which services of a stack differ from what a deploy would make of them.

    name
        The stack's.

    compose
        Path of the compose file.

    env
        The variables that it names; never secrets.

    Returns for each service that differs ``old`` and ``new``: what it was deployed from, as a digest of the file and
    the variables; ``changed since`` if somebody changed the service itself, None if it is not there. And ``why`` its
    tasks would be made anew, empty if they would not.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack.check brain-ms /opt/mip/Compose-Files/docker-compose-master.yml '{}'
    """
    file = __salt__["mip_stack_file.read"](compose)
    digest, have = _digest(file["text"], env), _services(name)
    networks = {one["Id"]: one["Name"] for one in __salt__["mip_engine.call"]("GET", "/networks")} if have else {}
    found = {}
    for service, told in file["services"].items():
        old = have.get(f"{name}_{service}")
        if not old or _label(old) != _deployed(old, digest):
            why = __salt__["mip_stack_file.restarts"](old["Spec"], told, env, networks, file["networks"]) if old else []
            found[f"{name}_{service}"] = {"old": _told(old, digest), "new": digest, "why": why}
    return found


def deploy(name: str, compose: str, env: dict[str, str], resolve: str = "changed") -> dict[str, Any]:
    """
    Deploy a compose file as it is; what differs in no service is left alone, tasks and all.

    name, compose, env
        As for :py:func:`check`.

    resolve
        When a registry is asked which image a name means: ``changed`` (when the name changed), ``always`` or
        ``never``.

    Returns for each service that changed what :py:func:`check` does, and whether its tasks are made anew
    (``restarts``). Raises CommandExecutionError with docker's own words.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack.deploy brain-ms /opt/mip/Compose-Files/docker-compose-master.yml '{}'
    """
    if resolve != "always" and not check(name, compose, env):
        return {}
    file = __salt__["mip_stack_file.read"](compose)
    digest, before = _digest(file["text"], env), _services(name)
    labels = {
        service: {"deploy": {"labels": {LABEL: _label(before.get(f"{name}_{service}")) or digest}}}
        for service in file["services"]
    }
    override = {**({"version": file["version"]} if file["version"] else {}), "services": labels}
    _docker(["stack", "deploy", "--resolve-image", resolve, "-c", compose, "-c", "-", name], override, env)
    after = _services(name)
    changes = {}
    for full in (f"{name}_{service}" for service in file["services"]):
        if full not in after:
            raise CommandExecutionError(f"the service {full} is not there after its deploy")
        old, new = before.get(full), after[full]
        label = _deployed(new, digest)
        restarts = bool(old) and _task(old) != _task(new)
        if _label(new) != label:
            __salt__["mip_service.change"](new["ID"], {LABEL: label})
        if not old or _label(old) != label or _deployed(old, digest) != label:
            changes[full] = {"old": _told(old, digest), "new": digest, "restarts": restarts}
    return changes


def waiting(name: str) -> dict[str, Any]:
    """
    Say how many tasks of a stack run, of how many that should, and why the others do not.

    name
        The stack's.

    Returns ``wanted``, ``running``, ``why`` (a list) and ``stuck``, the services for which no node was found.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack.waiting brain-wk1
    """
    told = {full: __salt__["mip_service.waiting"](full) for full in services(name)}
    return {
        "wanted": sum(one["wanted"] for one in told.values()),
        "running": sum(one["running"] for one in told.values()),
        "why": sorted(f"{full} is {why}" for full, one in told.items() for why in one["why"])
        or ([] if told else ["there is no such stack"]),
        "stuck": [full for full, one in told.items() if one["stuck"]],
    }


def wait(name: str, seconds: float) -> dict[str, Any]:
    """
    Wait until every task of a stack runs; a task for which no node is found is tried anew once.

    name
        The stack's.

    seconds
        How long to wait.

    Returns what :py:func:`waiting` says in the end, and the services that were ``tried anew``.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack.wait brain-wk1 60
    """
    begun, anew = time.monotonic(), []
    while True:
        found = waiting(name)
        passed = time.monotonic() - begun
        if (found["wanted"] and found["running"] >= found["wanted"]) or passed >= float(seconds):
            return {**found, "tried anew": anew}
        if found["stuck"] and not anew and passed >= min(STUCK, float(seconds) / 2):
            for full in found["stuck"]:
                __salt__["mip_service.change"](full, anew=True)
                anew.append(full)
        time.sleep(PAUSE)


def remove(name: str) -> list[str]:
    """
    Remove a stack's services, and return their names; networks and volumes stay.

    name
        The stack's.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack.remove brain-wk3
    """
    gone = _services(name)
    for service in gone.values():
        __salt__["mip_engine.call"]("DELETE", f"/services/{service['ID']}")
    return sorted(gone)


def services(name: str) -> list[str]:
    """
    Return the names of a stack's services.

    name
        The stack's.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_stack.services brain-ms
    """
    return sorted(_services(name))


def _ask(what: str, filters: dict[str, list[str]]) -> Any:
    return __salt__["mip_engine.call"]("GET", f"/{what}?filters={quote(json.dumps(filters))}")


def _services(name: str) -> dict[str, Any]:
    return {one["Spec"]["Name"]: one for one in _ask("services", {"label": [f"{NAMESPACE}={name}"]})}


def _label(service: dict[str, Any] | None) -> str:
    return str(((service or {}).get("Spec", {}).get("Labels") or {}).get(LABEL, ""))


def _task(service: dict[str, Any]) -> Any:
    """Return what decides whether a service's tasks are made anew."""
    spec = service["Spec"]
    task = {key: value for key, value in spec["TaskTemplate"].items() if key not in ("ForceUpdate", "Runtime")}
    return task, spec.get("EndpointSpec"), spec.get("Mode")


def _deployed(service: dict[str, Any], digest: str) -> str:
    """Return the label of a service that was deployed from a digest, and is as the engine made it then."""
    labels = {key: value for key, value in (service["Spec"].get("Labels") or {}).items() if key != LABEL}
    return f"{digest}.{_hash([_task(service), labels])}"


def _told(service: dict[str, Any] | None, digest: str) -> str | None:
    """Say what a service was deployed from."""
    if service is None:
        return None
    old = _label(service).partition(".")[0]
    return "not by mip-salt" if not old else "changed since by hand" if old == digest else old


def _digest(text: str, env: dict[str, str]) -> str:
    return _hash([text, env])


def _hash(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]


def _docker(words: list[str], sent: Any, env: dict[str, str]) -> None:
    tool = shutil.which("docker", path=PATH)
    if not tool:
        raise CommandExecutionError("there is no docker command (package docker-cli or docker-ce-cli)")
    try:
        done = subprocess.run(
            [tool, *words],
            input=json.dumps(sent).encode(),
            capture_output=True,
            timeout=DEPLOY,
            check=False,
            env={**env, "PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError(f"docker {words[0]} {words[1]} does not end") from err
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines() or ["without a word"]
        raise CommandExecutionError(f"docker {words[0]} {words[1]}: {_clean(said[-1], 300)}")


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in str(text)[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(str(text)) > limit else "")

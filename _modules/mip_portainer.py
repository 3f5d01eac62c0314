"""
Run Portainer as a service of the swarm, on its manager, as the incumbent's playbook does; one of somebody else's stays.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_portainer"

LABEL = "org.mip-salt.deployed"
PORT = 9000
SOCKET = "/var/run/docker.sock"
CERTIFICATES = "/etc/letsencrypt/live"


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_portainer knows Docker's engine on Linux"
    return __virtualname__


def check(name: str, image: str, data: str, domain: str = "") -> dict[str, Any]:
    """
    Say how a service differs from Portainer as it would be deployed.

    name
        The service's.

    image
        Portainer's, with its tag.

    data
        Folder on this node in which it keeps what it knows.

    domain
        The domain whose certificate of Let's Encrypt it uses; empty for none: it then speaks HTTP.

    Returns ``there``, ``ours`` (mip-salt deployed or adopted it), and ``differs``, the names of what is otherwise.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_portainer.check mip-portainer portainer/portainer:latest /opt/mip/portainer
    """
    service = __salt__["mip_service.find"](name)
    if service is None:
        return {"there": False, "ours": False, "differs": []}
    have, want = _essence(service["Spec"]), _essence(_spec(name, image, data, domain))
    ours = LABEL in (service["Spec"].get("Labels") or {})
    return {"there": True, "ours": ours, "differs": sorted(key for key in want if have[key] != want[key])}


def certified(domain: str) -> bool:
    """
    Say whether the certificate of a domain lies on this node, where certbot leaves it.

    domain
        Its name.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_portainer.certified brain.example.org
    """
    return bool(domain) and "/" not in domain and Path(CERTIFICATES, domain).is_dir()


def deploy(name: str, image: str, data: str, domain: str = "") -> None:
    """
    Create the service, or give the one that is there what it lacks, and mark it as ours.

    name, image, data, domain
        As for :py:func:`check`.

    Raises CommandExecutionError if the one that is there is somebody else's.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_portainer.deploy mip-portainer portainer/portainer:latest /opt/mip/portainer
    """
    spec, found = _spec(name, image, data, domain), check(name, image, data, domain)
    if not found["there"]:
        __salt__["mip_engine.call"]("POST", "/services/create", spec)
        return
    if found["differs"]:
        refuse_foreign(name, image, data, domain)

    # One that is the same already only gets our label.
    more = {"spec": spec} if found["differs"] else {"labels": spec["Labels"]}
    __salt__["mip_service.change"](name, **more)


def remove(name: str, image: str, data: str, domain: str = "") -> None:
    """
    Remove the service; what it keeps in its folder stays.

    name, image, data, domain
        As for :py:func:`check`.

    Raises CommandExecutionError if the one that is there is neither ours, nor the incumbent's, which is known by being
    the same, with or without a certificate.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_portainer.remove mip-portainer portainer/portainer:latest /opt/mip/portainer
    """
    refuse_foreign(name, image, data, domain)
    service = __salt__["mip_service.find"](name)
    if service is not None:
        __salt__["mip_engine.call"]("DELETE", f"/services/{service['ID']}")


def refuse_foreign(name: str, image: str, data: str, domain: str = "") -> None:
    """
    Raise CommandExecutionError if the service that is there is somebody else's.

    name, image, data, domain
        As for :py:func:`check`.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_portainer.refuse_foreign mip-portainer portainer/portainer:latest /opt/mip/portainer
    """
    found = [check(name, image, data, one) for one in ("", domain)]
    if found[0]["there"] and not found[0]["ours"] and all(one["differs"] for one in found):
        raise CommandExecutionError(
            f"a service {name} is there that is not ours, with other {', '.join(found[1]['differs'])}; it is not "
            f"touched. If nobody needs it: docker service rm {name}"
        )


def _spec(name: str, image: str, data: str, domain: str) -> dict[str, Any]:
    """Return what the incumbent's playbook creates (read, exareme: start-services), and our label."""
    mounts = [(SOCKET, "/var/run/docker.sock"), (data, "/data")]
    args: list[str] = []
    if domain:
        mounts += [(f"/etc/letsencrypt/{kind}/{domain}", f"/certs/{kind}/{domain}") for kind in ("live", "archive")]
        folder = f"/certs/live/{domain}"
        args = ["--ssl", "--sslcert", f"{folder}/cert.pem", "--sslkey", f"{folder}/privkey.pem"]
    container: dict[str, Any] = {
        "Image": image,
        "Mounts": [{"Type": "bind", "Source": source, "Target": target} for source, target in mounts],
    }
    if args:
        container["Args"] = args
    spec = {
        "Name": name,
        "TaskTemplate": {"ContainerSpec": container, "Placement": {"Constraints": ["node.role == manager"]}},
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {
            "Ports": [{"Protocol": "tcp", "TargetPort": PORT, "PublishedPort": PORT, "PublishMode": "host"}]
        },
    }
    digest = hashlib.sha256(json.dumps(_essence(spec), sort_keys=True).encode()).hexdigest()[:12]
    return {**spec, "Labels": {LABEL: digest}}


def _essence(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what makes a service the same, of what the engine tells or is told; a tag's digest is not in it."""
    task = spec["TaskTemplate"]
    container = task.get("ContainerSpec") or {}
    ports = (spec.get("EndpointSpec") or {}).get("Ports") or []
    return {
        "image": str(container.get("Image", "")).partition("@")[0],
        "arguments": [*(container.get("Command") or []), *(container.get("Args") or [])],
        "environment": sorted(container.get("Env") or []),
        "mounts": sorted(
            [one["Type"], one.get("Source", "").rstrip("/"), one["Target"], bool(one.get("ReadOnly"))]
            for one in container.get("Mounts") or []
        ),
        "constraints": sorted("".join(one.split()) for one in (task.get("Placement") or {}).get("Constraints") or []),
        "ports": sorted([one["TargetPort"], one.get("PublishedPort", 0), one.get("PublishMode", "")] for one in ports),
        "replicas": ((spec.get("Mode") or {}).get("Replicated") or {}).get("Replicas"),
    }

"""
Have Portainer run on the swarm's manager, or not be there; one of somebody else's is never touched.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_portainer"
PAUSE = 1


def __virtual__() -> str:
    return __virtualname__


def running(name: str, image: str, data: str, domain: str = "", timeout: float = 600) -> dict[str, Any]:
    """
    Have Portainer run, with TLS if a domain is given, and wait for it; never without TLS then.

    .. code-block:: yaml

        mip-portainer-running:
          mip_portainer.running:
            - name: mip-portainer
            - image: portainer/portainer:latest
            - data: /opt/mip/portainer

    name
        The service's.

    image
        Portainer's, with its tag.

    data
        Folder on this node in which it keeps what it knows.

    domain
        The domain whose certificate it uses, which must lie in /etc/letsencrypt/live on this node.

    timeout
        Seconds to wait; the first time its image is pulled meanwhile.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    new = f"{image}, with the certificate of {domain}" if domain else image
    try:
        if domain and not __salt__["mip_portainer.certified"](domain):
            raise CommandExecutionError(
                f"/etc/letsencrypt/live/{domain} is not there: get a certificate (certbot certonly -d {domain}), or "
                "set another domain; it is not started without one"
            )
        found = __salt__["mip_portainer.check"](name, image, data, domain)
        if not found["there"]:
            ret["changes"] = {name: {"old": "", "new": new}}
        elif found["differs"]:
            __salt__["mip_portainer.refuse_foreign"](name, image, data, domain)
            ret["changes"] = {name: {"old": f"other {', '.join(found['differs'])}", "new": f"{new}, restarted"}}
        elif not found["ours"]:
            ret["changes"] = {name: {"old": "not by mip-salt", "new": "adopted"}}
        if ret["changes"] and not __opts__["test"]:
            __salt__["mip_portainer.deploy"](name, image, data, domain)
    except CommandExecutionError as err:
        if __opts__["test"] and "swarm" in str(err):
            ret["changes"] = {name: {"old": "", "new": new}}
            return {**ret, "result": None, "comment": f"It would be started; now {err}."}
        return {**ret, "changes": {}, "comment": f"Portainer does not run: {err}"}
    if __opts__["test"] and ret["changes"]:
        return {**ret, "result": None, "comment": f"It would be {ret['changes'][name]['new']}."}
    return _waited(ret, name, timeout)


def _waited(ret: dict[str, Any], name: str, timeout: float) -> dict[str, Any]:
    end = time.monotonic() + (0 if __opts__["test"] else float(timeout))
    while True:
        found = __salt__["mip_service.waiting"](name)
        if found["running"] >= found["wanted"] > 0:
            return {**ret, "result": True, "comment": f"{'Now' if ret['changes'] else 'Already'} so: it runs."}
        if time.monotonic() >= end:
            why = "; ".join(found["why"][:3]) or "why is not known"
            if __opts__["test"]:
                changes = {name: {"old": why, "new": "runs"}}
                return {**ret, "result": None, "changes": changes, "comment": f"It would be waited for: {why}."}
            return {**ret, "comment": f"Portainer does not run after {timeout:g} s: {why}"}
        time.sleep(PAUSE)


def absent(name: str, image: str, data: str, domain: str = "") -> dict[str, Any]:
    """
    Have Portainer not be there; what it keeps in its folder stays, and one of somebody else's too.

    .. code-block:: yaml

        mip-portainer-absent:
          mip_portainer.absent:
            - name: mip-portainer
            - image: portainer/portainer:latest
            - data: /opt/mip/portainer

    name, image, data, domain
        As for ``running``: the incumbent's own is known by being the same.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    try:
        __salt__["mip_portainer.refuse_foreign"](name, image, data, domain)
        if not __salt__["mip_portainer.check"](name, image, data, domain)["there"]:
            return {**ret, "result": True, "comment": "Already so."}
        ret["changes"] = {name: {"old": "runs", "new": ""}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": "It would be removed."}
        __salt__["mip_portainer.remove"](name, image, data, domain)
    except CommandExecutionError as err:
        return {**ret, "changes": {}, "comment": f"Portainer is still there: {err}"}
    return {**ret, "result": True, "comment": f"Removed: {name}."}

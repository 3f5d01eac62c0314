"""
Ask exareme itself: whom its master names, by a check that reaches each of them, and what its keystore holds.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import unicodedata
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_exareme"

MAX_ANSWER = 1 << 20
# Seconds for one health check: exareme's master asks each node in turn. And for an answer of the keystore.
CHECK, KEYSTORE = 60, 5
PORT = 8500
# What keeps the swarm's containers in touch with the node that they are on; no service of the keystore is published.
BRIDGE = "docker_gwbridge"
SERVICE = "com.docker.swarm.service.name"


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_exareme knows exareme on Linux"
    return __virtualname__


def health(url: str = "http://127.0.0.1:9090", seconds: float = CHECK) -> dict[str, Any]:
    """
    Ask exareme's master which nodes take part: it asks each of them, over the federation's network.

    url
        Of its interface.

    seconds
        How long it may take.

    Returns ``active``, their names, and ``why`` there is no answer.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_exareme.health
    """
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/mining/query/HEALTH_CHECK", b"", float(seconds)) as answer:
            told = json.loads(answer.read(MAX_ANSWER))
        active = told["active_nodes"]
        # exareme itself joins the names to one text (read, 24.5.1: health_check_lib.py).
        names = active.split(",") if isinstance(active, str) else [str(one) for one in active]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as err:
        return {"active": [], "why": _clean(f"{url} does not answer as exareme does: {getattr(err, 'reason', err)}")}
    return {"active": sorted(_clean(one.strip(), 80) for one in names if one.strip()), "why": ""}


def keystore() -> dict[str, Any]:
    """
    Return what exareme's keystore, a Consul on this node, holds of the federation.

    Returns ``masters`` and ``nodes``, the address that each registered by its name, ``datasets``, for each name its
    pathologies and their datasets, and ``why`` there is no answer.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_exareme.keystore
    """
    found: dict[str, Any] = {"masters": {}, "nodes": {}, "datasets": {}, "why": ""}
    kinds = {"master": "masters", "active_workers": "nodes"}
    try:
        for row in _held(_keystore_url()):
            # As exareme's bootstrap.sh and set-local-datasets.sh write it (read, 24.5.1).
            first, _, rest = str(row["Key"]).partition("/")
            value = base64.b64decode(row["Value"] or "").decode("utf-8", "replace").strip()
            name, _, pathology = rest.partition("/")
            if first in kinds:
                found[kinds[first]][_clean(name, 80)] = _clean(value, 80)
            elif first == "data" and pathology:
                found["datasets"].setdefault(_clean(name, 80), {})[_clean(pathology, 80)] = _datasets(value)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, CommandExecutionError) as err:
        return {**found, "why": _clean(f"the keystore does not answer: {getattr(err, 'reason', err)}")}
    return found


def _datasets(value: str) -> list[str]:
    """Return the datasets of a pathology; exareme writes them as a list in JSON."""
    told = json.loads(value)
    return sorted({_clean(str(one), 80) for one in told if str(one).strip()}) if isinstance(told, list) else []


def _keystore_url() -> str:
    """Return where the keystore's container answers on this node."""
    filters = quote(json.dumps({"label": [SERVICE]}))
    for one in __salt__["mip_engine.call"]("GET", f"/containers/json?filters={filters}"):
        if not one["Labels"].get(SERVICE, "").endswith("_exareme-keystore"):
            continue
        told = __salt__["mip_engine.call"]("GET", f"/networks/{BRIDGE}")["Containers"].get(one["Id"])
        if told:
            return f"http://{told['IPv4Address'].partition('/')[0]}:{PORT}"
    raise CommandExecutionError("no container of it runs on this node")


def _held(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/v1/kv/?recurse", timeout=KEYSTORE) as answer:
            told = json.loads(answer.read(MAX_ANSWER))
    except urllib.error.HTTPError as err:
        if err.code == 404:  # it is empty
            return []
        raise
    if not isinstance(told, list):
        raise ValueError("it is no keystore")
    return told


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in str(text)[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(str(text)) > limit else "")

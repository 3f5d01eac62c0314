"""
Ask exareme itself: whom its master names, by a check that reaches each of them.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import http.client
import json
import os
import unicodedata
import urllib.request
from typing import Any

__virtualname__ = "mip_exareme"

MAX_ANSWER = 1 << 20
# Seconds for one health check: exareme's master asks each node in turn.
CHECK = 60


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_exareme knows exareme on Linux"
    return __virtualname__


def health(url: str = "http://127.0.0.1:9090") -> dict[str, Any]:
    """
    Ask exareme's master which nodes take part: it asks each of them, over the federation's network.

    url
        Of its interface.

    Returns ``active``, their names, and ``why`` there is no answer.

    CLI Example:

    .. code-block:: bash

        salt-ssh ms mip_exareme.health
    """
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/mining/query/HEALTH_CHECK", b"", CHECK) as answer:
            told = json.loads(answer.read(MAX_ANSWER))
        active = told["active_nodes"]
        # exareme itself joins the names to one text (read, 24.5.1: health_check_lib.py).
        names = active.split(",") if isinstance(active, str) else [str(one) for one in active]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as err:
        return {"active": [], "why": _clean(f"{url} does not answer as exareme does: {getattr(err, 'reason', err)}")}
    return {"active": sorted(_clean(one.strip(), 80) for one in names if one.strip()), "why": ""}


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in str(text)[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(str(text)) > limit else "")

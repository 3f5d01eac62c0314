"""
Ask a web server whether it answers.

Runs on the node under Salt's thin: standard library only, Python 3.8 and later. Salt's own ``http.query`` follows a
redirection, which here may lead to a name that only browsers know.
"""

from __future__ import annotations

import http.client
import unicodedata
import urllib.error
import urllib.request
from typing import Any

__virtualname__ = "mip_web"


def __virtual__() -> str:
    return __virtualname__


def ask(url: str, seconds: float = 5) -> dict[str, Any]:
    """
    Return the ``status`` with which a web server answers, 0 for none, and ``why`` not.

    url
        Of the server; no redirection is followed.

    seconds
        How long it may take.

    CLI Example:

    .. code-block:: bash

        salt-ssh ui mip_web.ask http://127.0.0.1/
    """
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=float(seconds)) as answer:
            return {"status": answer.status, "why": ""}
    except urllib.error.HTTPError as err:
        return {"status": err.code, "why": ""}
    except http.client.HTTPException:
        return {"status": 0, "why": "what answers is no web server"}
    except (OSError, ValueError) as err:
        return {"status": 0, "why": _clean(str(getattr(err, "reason", err)))}


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

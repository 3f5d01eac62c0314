"""
Have a web server answer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_web"


def __virtual__() -> str:
    return __virtualname__


def answers(name: str, timeout: float = 300) -> dict[str, Any]:
    """
    Have a web server answer, and wait for it; an answer that is a failure of the server's (5xx) is none.

    .. code-block:: yaml

        mip-ui-answers:
          mip_web.answers:
            - name: http://127.0.0.1/

    name
        Its URL.

    timeout
        Seconds to wait.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": False, "comment": ""}
    end = time.monotonic() + (0 if __opts__["test"] else float(timeout))
    while True:
        found = __salt__["mip_web.ask"](name)
        if 0 < found["status"] < 500:
            return {**ret, "result": True, "comment": f"It answers, with {found['status']}."}
        if time.monotonic() >= end:
            break
        time.sleep(1)
    why = found["why"] or f"it answers with {found['status']}"
    if __opts__["test"]:
        ret["changes"] = {name: {"old": why, "new": "answers"}}
        return {**ret, "result": None, "comment": f"It would be waited for: {why}."}
    return {**ret, "comment": f"No answer after {timeout:g} s: {why}."}

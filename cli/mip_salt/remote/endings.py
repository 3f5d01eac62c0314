"""How a node's work came to its end, whoever ended it: Salt, ssh, the runner, the operator, or nobody."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mip_salt.federation.folder import Folder
from mip_salt.printable import printable
from mip_salt.remote.results import Kind, NodeResult, Progress
from mip_salt.remote.returns import MAX_REASON, NO_SPACE, OLD_PYTHON, Asked, classify, failed_here, unusable

GOES_ON = "A state that already began there goes on to its end, and none after it; run it again to see."
MAX_COUNT = 1_000_000


def read(asked: Asked, answer: Any, status: int) -> NodeResult:
    """Return the result of a conversation; never raise, whatever the node made of it.

    status
        ssh's exit code.
    """
    answer = answer if isinstance(answer, Mapping) else {}
    if "raw" in answer:
        return classify(asked, answer["raw"])
    if "lost" in answer:
        if not status:
            return unusable(asked, "its end of the connection closed without an answer")
        return classify(asked, {"_error": "", "stdout": "", "stderr": answer["lost"], "retcode": status})
    if "refused" in answer:
        return _refused(asked, answer["refused"], answer.get("data"))
    if "flood" in answer:
        return unusable(asked, "it sends more than is read")
    return unusable(asked, answer.get("silent") or "nobody here made one")


def _refused(asked: Asked, kind: Any, data: Any) -> NodeResult:
    said = data if isinstance(data, Mapping) else {}
    if kind == "b":
        return failed_here(
            asked,
            Kind.BUSY,
            f"states run on it already: {_holder(said)}",
            "Wait for that run to end, then run this again.",
        )
    if kind == "x":
        return replace(interrupted(asked.node, progress(asked.node, said)), command=asked.command)
    why = said.get("why")
    text = why[:MAX_REASON] if isinstance(why, str) and why else "the runner there failed, and does not say why"
    if NO_SPACE.search(text) or OLD_PYTHON.search(text):
        return classify(asked, {"_error": "", "stdout": "", "stderr": text, "retcode": 1})
    return failed_here(asked, Kind.FAILED, text, "Mend that on the node, then run it again.")


def _holder(said: Mapping[str, Any]) -> str:
    """Say who holds a node and since when, by this machine's clock."""
    seconds, name = said.get("seconds"), said.get("who")
    if not isinstance(name, str) or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return "by a run that is just starting"
    if not 0 <= seconds < 1e8:
        return f"by {printable(name, 120)}"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - seconds))
    return f"by {printable(name, 120)}, since {since}"


def who(folder: Folder) -> str:
    """Return whom a second run on a node is told of: nothing but names."""
    user = os.environ.get("SUDO_USER") or os.environ.get("USER") or f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}, federation {folder.name}, pid {os.getpid()}"


def progress(node: str, said: Any) -> Progress:
    """Return how far a node says that it is."""
    said = said if isinstance(said, Mapping) else {}
    done, total = _count(said.get("done")), _count(said.get("total"))
    state = said.get("state")
    return Progress(node, min(done, total), total, printable(state, 120) if isinstance(state, str) else "")


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT else 0


def in_hand(at: Progress | None) -> str:
    """Say in which state a node was, as the end of a sentence."""
    return f"; it was in {at.state}, after {at.done} of {at.total} states" if at and at.state else ""


def interrupted(name: str, at: Progress | None = None) -> NodeResult:
    """Return the result of a node whose work the operator stopped.

    at
        How far it was.
    """
    error = printable(f"stopped by the operator{in_hand(at)}", MAX_REASON)
    return NodeResult(name, Kind.INTERRUPTED, error=error, hint=GOES_ON)

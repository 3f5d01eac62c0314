"""Make all checks side by side, each with its own deadline: what hangs costs that, and its own line only."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mip_salt.errors import MipError
from mip_salt.workflows.findings import Finding, Level

SECONDS = 10.0


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    what
        Its name, if it cannot say anything itself.
    look
        Yields what it finds; an error it raises is a finding too.
    seconds
        Its deadline, from the start of all.
    """

    what: str
    look: Callable[[], Iterable[Finding]]
    seconds: float = SECONDS


def examine(checks: Sequence[Check]) -> Iterator[Finding]:
    """Yield what every check finds, in their order."""
    started = time.monotonic()
    running = [(check, _start(check)) for check in checks]
    for check, answer in running:
        try:
            yield from answer.get(timeout=max(started + check.seconds - time.monotonic(), 0.001))
        except queue.Empty:
            yield Finding(
                check.what, Level.FAIL, f"no answer in {check.seconds:.0f} s", "Look at why it hangs, on its own."
            )


def _start(check: Check) -> queue.SimpleQueue[list[Finding]]:
    answer: queue.SimpleQueue[list[Finding]] = queue.SimpleQueue()
    # A daemon: a name server that never answers must not keep the command from ending.
    threading.Thread(target=lambda: answer.put(_found(check)), daemon=True).start()
    return answer


def _found(check: Check) -> list[Finding]:
    try:
        return list(check.look())
    except MipError as err:
        return [Finding(check.what, Level.FAIL, err.message, err.hint, kind=err.kind)]
    except Exception as err:  # noqa: BLE001 - one broken check must not hide the others
        why = getattr(err, "strerror", None) or str(err) or type(err).__name__
        return [Finding(check.what, Level.UNKNOWN, f"cannot be told: {why}")]

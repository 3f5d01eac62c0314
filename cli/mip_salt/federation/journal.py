"""The operator's journal: what was done, when, by whom, and how it ended; one JSON line each."""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mip_salt.errors import Interrupted, MipError
from mip_salt.federation.folder import Folder


def note(folder: Folder, what: str, *, node: str = "", result: str = "") -> None:
    """Add a line to the journal.

    what
        The command or the deed; never a secret.
    """
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "who": _operator(),
        "what": what,
        "node": node,
        "result": result,
    }
    fd = os.open(folder.log / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(
            fd,
            (json.dumps({key: value for key, value in line.items() if value}, ensure_ascii=False) + "\n").encode(),
        )
    finally:
        os.close(fd)


@contextmanager
def noted(folder: Folder, what: str) -> Iterator[None]:
    """Note a command when it ends, and how."""
    result = "done"
    try:
        yield
    except KeyboardInterrupt:
        result = Interrupted.kind
        raise
    except MipError as err:
        result = err.kind
        raise
    except BaseException as err:
        result = type(err).__name__
        raise
    finally:
        if folder.log.is_dir():
            note(folder, what, result=result)


def _operator() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

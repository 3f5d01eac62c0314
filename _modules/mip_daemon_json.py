"""
Merge keys into the Docker engine's daemon.json: never overwrite it, and never restart the engine for nothing.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import unicodedata
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "mip_daemon_json"

DAEMON_JSON = "/etc/docker/daemon.json"
# There while daemon.json was changed and the engine not restarted since; gone after a reboot, as is the need.
RESTART_DUE = "/run/mip-salt-docker-restart"
ENGINE_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
MAX_BYTES = 1 << 20
# Seconds that dockerd may take to judge a file.
JUDGE = 30


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_daemon_json knows Docker's engine on Linux"
    return __virtualname__


def check(keys: dict[str, Any]) -> dict[str, Any]:
    """
    Say what of daemon.json would change if keys were merged into it.

    keys
        Keys and their values. A mapping is merged key by key, a list is replaced, null removes a key (RFC 7396).

    Returns for each key that differs its ``old`` and ``new`` value; None stands for a missing one. The JSON is
    compared, not the text. Raises CommandExecutionError if the file is not a JSON object.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_daemon_json.check '{"log-driver": "local"}'
    """
    old = _load(_read())
    new = _merged(old, keys)
    return {key: {"old": old.get(key), "new": new.get(key)} for key in {**old, **new} if old.get(key) != new.get(key)}


def merge(keys: dict[str, Any]) -> dict[str, Any]:
    """
    Merge keys into daemon.json, and restart the engine if it runs and something changed.

    keys
        As for :py:func:`check`.

    Every other key stays. Where dockerd can (23.0 and later), it judges the new file before that counts. If the
    engine does not come back with it, the old file is put back, and the engine started with that. A merge that was
    interrupted before the restart is ended by the next one.

    Returns ``changes`` as :py:func:`check` does, and whether it ``restarted``. Raises CommandExecutionError if the
    file is broken (it is left as it is), refused, or the engine does not come back.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_daemon_json.merge '{"log-driver": "local"}'
    """
    before = _read()
    changes = check(keys)
    if not changes and not restart_due():
        return {"changes": {}, "restarted": False}
    runs = __salt__["mip_docker.engine"]()["version"] is not None
    if runs and not __salt__["mip_docker.has_unit"]():
        raise CommandExecutionError(
            "its engine is not docker.service's (snap, rootless?), which reads another file: take docker.daemon out "
            "of the settings, and set these keys there by hand"
        )
    if changes:
        with _explained(f"{DAEMON_JSON} cannot be written"):
            _write(json.dumps(_merged(_load(before), keys), indent=2).encode() + b"\n", judge=True, restart=runs)
    if runs:
        _restart(before if changes else None, changes)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(RESTART_DUE)
    return {"changes": changes, "restarted": runs}


def restart_due() -> bool:
    """
    Say whether an interrupted :py:func:`merge` left a restart to be done.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_daemon_json.restart_due
    """
    return os.path.exists(RESTART_DUE)


def _restart(before: bytes | None, changes: dict[str, Any]) -> None:
    """Restart the engine; if it does not come back with what was changed, put the old file back and start with it."""
    try:
        __salt__["mip_docker.restart"]()
    except CommandExecutionError as err:
        if not changes:
            raise
        with _explained(f"{DAEMON_JSON} cannot be put back"):
            _write(before, judge=False, restart=True)
        try:
            __salt__["mip_docker.restart"]()
            back = "runs again with it"
            os.unlink(RESTART_DUE)
        except CommandExecutionError:
            back = "does not start with that either"
        raise CommandExecutionError(
            f"the engine does not start with {', '.join(sorted(changes))} so: {err}. The old {DAEMON_JSON} is back, "
            f"and the engine {back}"
        ) from err


def _read() -> bytes | None:
    """Return daemon.json; None if there is none."""
    with _explained(f"{DAEMON_JSON} cannot be read"):
        try:
            with open(DAEMON_JSON, "rb") as source:
                return source.read(MAX_BYTES)
        except FileNotFoundError:
            return None


def _load(content: bytes | None) -> dict[str, Any]:
    text = (content or b"").strip()
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError) as err:
        where = f", line {err.lineno}" if isinstance(err, json.JSONDecodeError) else ""
        raise CommandExecutionError(f"{DAEMON_JSON} is not JSON{where}; it is left as it is: mend it") from err
    if not isinstance(found, dict):
        raise CommandExecutionError(f"{DAEMON_JSON} is not a JSON object; it is left as it is: mend it")
    return found


def _merged(old: Any, patch: Any) -> Any:
    """Return JSON with a patch merged into it (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _write(text: bytes | None, judge: bool, restart: bool) -> None:
    """Replace daemon.json in one step, or remove it.

    judge
        Let dockerd look at it first.
    restart
        Note that the engine is then to be restarted.
    """
    path = os.path.realpath(DAEMON_JSON)
    if text is None:
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    old = os.stat(path) if os.path.exists(path) else None
    opened, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".mip-salt-")
    try:
        with os.fdopen(opened, "wb") as out:
            if old:
                os.fchown(out.fileno(), old.st_uid, old.st_gid)
            os.fchmod(out.fileno(), old.st_mode & 0o7777 if old else 0o644)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if judge:
            _judge(temporary)
        if restart:
            with open(RESTART_DUE, "wb"):
                pass
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _judge(path: str) -> None:
    """Let dockerd judge a file; one before 23.0 cannot (measured: 20.10.24, "unknown flag")."""
    tool = shutil.which("dockerd", path=ENGINE_PATH)
    if not tool:
        return
    words = [tool, "--validate", f"--config-file={path}"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=JUDGE, check=False)
    said = done.stderr.decode("utf-8", "replace").strip().replace(path, DAEMON_JSON)
    if done.returncode and "unknown flag" not in said:
        raise CommandExecutionError(f"dockerd refuses the merged {DAEMON_JSON}, which is left as it is: {_clean(said)}")


@contextlib.contextmanager
def _explained(failure: str) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError(_clean(f"{failure}: {getattr(err, 'strerror', None) or 'no answer'}")) from err


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

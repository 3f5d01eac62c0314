"""
Ask apt for what a node lacks; a node that lacks nothing is never asked. Give it a repository whose key is known.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import unicodedata
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __grains__: dict[str, Any]

__virtualname__ = "mip_apt"

PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,63}\Z")
# Of `apt-cache policy`, whose words LC_ALL=C keeps English.
POLICY = re.compile(r"^(?P<name>[a-z0-9][a-z0-9+.-]*):\n  Installed: .*\n  Candidate: (?P<version>\S+)$", re.M)
# Seconds that reading apt's lists may take on a small machine with many of them.
DEADLINE = 60
LISTS, KEYRINGS = "/etc/apt/sources.list.d/", "/etc/apt/keyrings/"
# It goes the way that apt's own downloads go: through its proxy, with its certificates and passwords.
HELPER = ["/usr/lib/apt/apt-helper", "-oAcquire::http::Timeout=20", "-oAcquire::https::Timeout=20", "download-file"]
APTS_USER = "_apt"


def __virtual__() -> str | tuple[bool, str]:
    if not shutil.which("apt-cache"):
        return False, "mip_apt knows Debian and Ubuntu"
    return __virtualname__


def candidates(*names: str) -> dict[str, str]:
    """
    Return the versions that apt would install of some packages, as its lists on this machine say now.

    names
        Packages' names; one that apt does not know is left out.

    Nothing is downloaded, so the answer is as old as the lists. Raises CommandExecutionError if apt cannot say.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.candidates docker.io docker-cli
    """
    for name in names:
        if not isinstance(name, str) or not PACKAGE.match(name):
            raise CommandExecutionError(f"not a package's name: {_clean(str(name))}")
    try:
        done = subprocess.run(
            ["apt-cache", "policy", *names],
            capture_output=True,
            timeout=DEADLINE,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError("apt-cache does not answer") from err
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise CommandExecutionError(f"apt-cache failed: {_clean(done.stderr.decode('utf-8', 'replace'))}")
    return {
        found["name"]: found["version"]
        for found in POLICY.finditer(said)
        if found["name"] in names and found["version"] != "(none)"
    }


def refresh() -> str:
    """
    Read apt's lists anew; return apt's reason for the first that it could not read, or nothing.

    A mirror that does not answer is no failure yet: the packages may come from another. Salt waits while another apt
    holds the lock, as unattended-upgrades does on a machine that was just made.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.refresh
    """
    try:
        __salt__["pkg.refresh_db"](failhard=True)
    except CommandExecutionError as err:
        return _reason(err)
    return ""


def install(*names: str) -> dict[str, Any]:
    """
    Install packages, from lists already read; nothing that is there is upgraded but what they need.

    names
        Packages' names.

    Returns what changed, each package with its old and new version. Raises CommandExecutionError with apt's reason.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.install docker.io
    """
    try:
        changes: dict[str, Any] = __salt__["pkg.install"](pkgs=list(names), refresh=False)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{', '.join(names)} cannot be installed: {_reason(err)}") from err
    return changes


def repository(name: str) -> dict[str, str]:
    """
    Say which repository :py:func:`add_repository` left under a name: its ``line`` and the ``key`` that signs it.

    name
        As it was given there. Both are empty for one that is not there, ``key`` also if it cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.repository mip-docker
    """
    path, keyring = _places(name)
    line = key = ""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as source:
        line = source.read(2000).strip()
    if line:
        with contextlib.suppress(CommandExecutionError):
            key = __salt__["mip_openpgp.fingerprint"](keyring)
    return {"line": line, "key": key}


def line(name: str, url: str, suite: str, component: str) -> str:
    """
    Return the line of sources.list(5) for a repository: of this machine's architecture, signed by its own key only.

    name
        As for :py:func:`add_repository`, like all else.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.line mip-docker https://mirror.example/linux/debian bookworm stable
    """
    options = f"arch={__grains__['osarch']} signed-by={_places(name)[1]}"
    return f"deb [{options}] {url} {suite} {component}"


def add_repository(name: str, url: str, suite: str, component: str, key: str) -> None:
    """
    Give apt a repository, if the key beside it is the one that is meant.

    name
        Of its files in ``/etc/apt``.

    url
        Where it is; its key is URL/gpg.

    suite, component
        As in sources.list(5).

    key
        The fingerprint of the key that signs it.

    Raises CommandExecutionError, and leaves apt as it was, if the key cannot be had or is another, or if apt cannot
    read its sources with this one among them.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_apt.add_repository mip-docker https://mirror.example/linux/debian bookworm stable 9DC85822…
    """
    path, keyring = _places(name)
    where = _clean(f"{url}/gpg")
    with tempfile.TemporaryDirectory(prefix="mip-apt-") as folder:
        with contextlib.suppress(LookupError, OSError):
            shutil.chown(folder, APTS_USER)  # else apt downloads as root
        _download(f"{url}/gpg", os.path.join(folder, "key"))
        try:
            found = __salt__["mip_openpgp.fingerprint"](os.path.join(folder, "key"))
            binary = base64.b64decode(__salt__["mip_openpgp.keyring"](os.path.join(folder, "key")))
        except CommandExecutionError as err:
            raise CommandExecutionError(f"{where} is not the key that is meant: {err}") from err
    if found != key:
        raise CommandExecutionError(f"the key at {where} is {found}, not {key}")
    before = [(place, _content(place)) for place in (path, keyring)]
    _put(keyring, binary)
    _put(path, f"{line(name, url, suite, component)}\n".encode())
    try:
        candidates(name)  # of no package: it reads the sources
    except CommandExecutionError as err:
        for place, content in before:
            _put(place, content)
        raise CommandExecutionError(
            f"with {where} apt cannot read its sources, so they are as they were: {err}"
        ) from err


def _reason(err: Exception) -> str:
    """Return what apt says that tells most: of a signature, else of an error, else anything."""
    # Salt tells apt's lines as a list below its own.
    said = [text.strip().lstrip("- ") for text in str(err).splitlines() if text.strip()] or ["it does not say why"]
    telling = [text for text in said if "GPG error" in text] + [
        text for text in said if text.startswith(("E:", "Err:"))
    ]
    return _clean((telling or said)[0], 300)


def _places(name: str) -> tuple[str, str]:
    if not isinstance(name, str) or not PACKAGE.match(name):
        raise CommandExecutionError(f"not a repository's name: {_clean(str(name))}")
    return f"{LISTS}{name}.list", f"{KEYRINGS}{name}.gpg"


def _download(url: str, path: str) -> None:
    try:
        done = subprocess.run(
            [*HELPER, url, path],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise CommandExecutionError(f"{_clean(url)} cannot be downloaded: no answer in time") from err
    if done.returncode:
        said = [text for text in done.stderr.decode("utf-8", "replace").splitlines() if text.startswith("E:")]
        why = said[0].partition("  ")[2] or said[0][2:] if said else f"apt-helper exits with {done.returncode}"
        raise CommandExecutionError(f"{_clean(url)} cannot be downloaded: {_clean(why)}")


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as source:
            return source.read()
    except FileNotFoundError:
        return None


def _put(path: str, content: bytes | None) -> None:
    """Write a file that everyone may read, whole or not at all; None removes it."""
    if content is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
        # Apt reads keys as a user of its own, whatever the umask is here.
        os.chmod(os.path.dirname(path), 0o755)  # noqa: S103
    handle, temporary = tempfile.mkstemp(prefix=".mip-", dir=os.path.dirname(path))
    with os.fdopen(handle, "wb") as target:
        target.write(content)
        os.fchmod(handle, 0o644)
        target.flush()
        os.fsync(handle)
    os.replace(temporary, path)


def _clean(text: str, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters; as in mip_host."""
    line = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text.strip()[:limit])
    return line.replace("Permission denied", "not permitted") + ("…" if len(text) > limit else "")

"""
Let the federation's identity log in to this node, and become root there.

Runs on the node under Salt's thin: standard library only, Python 3.8 and later; one file, since a node gets each
module alone. All work in a user's home is done by a child process that *is* that user: root would follow whatever
symlink the user laid there, while the user reaches only what is his anyway (sshd, too, reads ``authorized_keys`` as
the user). Changing user makes the child undumpable: its memory, a copy of root's, stays closed to the user.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import pwd
import re
import select
import shutil
import signal
import stat
import subprocess
import tempfile
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__virtualname__ = "mip_identity"

SUDOERS = "/etc/sudoers"
DROP_IN = "/etc/sudoers.d/mip-salt"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# The rule of mip_salt.federation.model for a user's name: never an option, never a sudoers alias or group.
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
MAX_FILE = 1 << 20
MAX_LINE = 8 * 1024
MAX_ANSWER = 64 * 1024
# Seconds that a home folder (it may lie on a network) or visudo may take.
DEADLINE = 30


class _File(NamedTuple):
    path: str
    text: bytes
    mode: int
    owner: tuple[int, int] | None  # uid and gid; None for a file that is not there yet


def __virtual__() -> str | tuple[bool, str]:
    if os.name != "posix":
        return False, "mip_identity knows OpenSSH and sudo on Unix"
    return __virtualname__


def check(user: str, public_key: str, options: str = "restrict") -> dict[str, Any]:
    """
    Say how a public key stands in a user's ``~/.ssh/authorized_keys``.

    user
        Who would log in with it.

    public_key
        Kind, key and, if wanted, comment, as in ``id_ed25519.pub``.

    options
        The options that its line should have, as sshd(8) writes them; empty for none.

    Returns ``state``, one of ``present``, ``absent``, ``other options``, ``duplicates``; ``options``, those of the
    copies found; and ``file``. Raises CommandExecutionError if there is no such user or his file cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_identity.check mipadmin "ssh-ed25519 AAAA… mip-salt:brain"
    """
    blob, _ = _line(public_key, options)
    return _as_user(user, lambda home, uid: _find(_load(home, uid), blob, options))


def add(user: str, public_key: str, options: str = "restrict") -> dict[str, Any]:
    """
    Let a public key log in as a user, with exactly these options.

    user, public_key, options
        As for :py:func:`check`.

    Other copies of the key go; every other line stays as it is, and a last line without an end gets one. Mode and
    owner are kept, a symlink is followed, and the file is replaced in one step: an interruption leaves the old one.

    Returns ``changed``, and ``old`` and ``new`` as :py:func:`check` says them. Raises CommandExecutionError if there
    is no such user or his file cannot be replaced.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_identity.add mipadmin "ssh-ed25519 AAAA… mip-salt:brain"
    """
    blob, line = _line(public_key, options)
    return _as_user(user, lambda home, uid: _change(home, uid, blob, options, line))


def remove(user: str, public_key: str) -> dict[str, Any]:
    """
    Let a public key log in as a user no more, whatever options its lines have.

    user, public_key
        As for :py:func:`check`; all else as for :py:func:`add`.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_identity.remove mipadmin "ssh-ed25519 AAAA… mip-salt:brain"
    """
    blob, _ = _line(public_key, "")
    return _as_user(user, lambda home, uid: _change(home, uid, blob, "", None))


def sudo_check(user: str) -> dict[str, Any]:
    """
    Say whether mip-salt's own sudo rules let a user become root without a password.

    user
        Who would.

    Returns ``state``: ``present``, ``absent``, or ``other`` for a rule that stands there, but twice or in a file of
    another mode or owner; and ``found``, all that the file says. Rules in other files are not looked at. Raises
    CommandExecutionError if it cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_identity.sudo_check mipadmin
    """
    rule, found = _rule(user), _drop_in()
    copies = _lines(found.text).count(rule)
    sound = copies == 1 and (found.mode, found.owner) == (stat.S_IFREG | 0o440, _me())
    state = "absent" if not copies else "present" if sound else "other"
    return {"state": state, "found": "; ".join(_clean(line) for line in _lines(found.text)[:10])}


def sudo_add(user: str) -> dict[str, Any]:
    """
    Let a user become root without a password, by a rule in ``/etc/sudoers.d/mip-salt``.

    user
        Who may.

    Rules of other users stay, as two federations may share a machine. visudo checks the file before it counts and all
    of sudo's configuration after it: if that is broken then and was not before, the old file is put back.

    Returns ``changed``, and ``old`` and ``new`` as :py:func:`sudo_check` says them. Raises CommandExecutionError if
    there is no such user, no sudo here, or the rule is refused.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_identity.sudo_add mipadmin
    """
    old, before, rule = sudo_check(user), _drop_in(), _rule(user)
    if _account(user).pw_uid == 0:
        raise CommandExecutionError(f"{user} is root already and needs no sudo rule")
    if old["state"] == "present":
        return {"changed": False, "old": old, "new": old}
    with _explained("sudo's rule cannot be written"):
        broken_before = _complaint(SUDOERS)
        _replace_rules([*_others(before, rule), rule])
        complaint = _complaint(SUDOERS)
        if complaint and not broken_before:
            _replace(before) if before.owner else os.unlink(DROP_IN)
            raise CommandExecutionError(f"the rule would break sudo's configuration and was taken back: {complaint}")
    return {"changed": True, "old": old, "new": sudo_check(user)}


def sudo_remove(user: str) -> dict[str, Any]:
    """
    Take a user's rule out of ``/etc/sudoers.d/mip-salt``, and the file away with the last one.

    user
        Whose rule goes. Rules of other users stay.

    Returns ``changed``, and ``old`` and ``new`` as :py:func:`sudo_check` says them. Raises CommandExecutionError if it
    cannot be removed.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_identity.sudo_remove mipadmin
    """
    old, rule = sudo_check(user), _rule(user)
    if old["state"] == "absent":
        return {"changed": False, "old": old, "new": old}
    with _explained("sudo's rule cannot be removed"):
        others = _others(_drop_in(), rule)
        if others:
            _replace_rules(others)
        else:
            os.unlink(DROP_IN)
            _sync(os.path.dirname(DROP_IN))
    return {"changed": True, "old": old, "new": sudo_check(user)}


def _line(public_key: str, options: str) -> tuple[bytes, bytes]:
    """Return a key's blob and its line, if sshd would read that line as exactly this key with these options."""
    if not isinstance(public_key, str) or not isinstance(options, str):
        raise CommandExecutionError("a public key and its options are texts")
    key = public_key.strip()
    text = f"{options} {key}" if options else key
    line = text.encode("utf-8", "replace")
    read, alone = _parse(line), _parse(key.encode("utf-8", "replace"))
    if _clean(text, MAX_LINE) != text or not read or not alone or alone[1] or read != (alone[0], options.encode()):
        raise CommandExecutionError(f"not one public key with valid options: {_clean(text)}")
    return alone[0], line


def _parse(line: bytes) -> tuple[bytes, bytes] | None:
    """Return the key's blob and the options of a line of authorized_keys; None if sshd finds no key in it."""
    line = line.lstrip(b" \t")
    if not line or line.startswith(b"#"):
        return None
    blob = _blob(line)
    if blob:
        return blob, b""
    # As sshd passes over options: blanks count only outside quotes (sshkey_advance_past_options).
    at, quoted = 0, False
    while at < len(line) and (quoted or line[at] not in b" \t"):
        if line.startswith(b'\\"', at):
            at += 1
        elif line[at] in b'"':
            quoted = not quoted
        at += 1
    blob = _blob(line[at:].lstrip(b" \t"))
    return (blob, line[:at]) if blob else None


def _blob(text: bytes) -> bytes | None:
    """Return the key at the start of a text: its kind, then base64 that repeats the kind."""
    words = re.split(rb"[ \t]+", text, maxsplit=2)
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        return None
    return blob if blob.startswith(len(words[0]).to_bytes(4, "big") + words[0]) else None


def _load(home: str, uid: int) -> _File:
    path = os.path.realpath(os.path.join(home, ".ssh", "authorized_keys"))
    try:
        # Not blocking: the user may have laid a pipe there.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _File(path, b"", 0o600, None)
    found = os.fstat(opened)
    if not stat.S_ISREG(found.st_mode) or found.st_uid not in (uid, 0):
        os.close(opened)
        raise CommandExecutionError(f"{_clean(path)} is not a file of the user or of root")
    with os.fdopen(opened, "rb") as source:
        text = source.read(MAX_FILE + 1)
    if len(text) > MAX_FILE:
        raise CommandExecutionError(f"{_clean(path)} is larger than {MAX_FILE} bytes")
    return _File(path, text, found.st_mode, (found.st_uid, found.st_gid))


def _lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _find(file: _File, blob: bytes, options: str) -> dict[str, Any]:
    copies = [parsed[1] for parsed in map(_parse, _lines(file.text)) if parsed and parsed[0] == blob]
    state = "absent" if not copies else "duplicates" if len(copies) > 1 else "other options"
    if copies == [options.encode()]:
        state = "present"
    return {"state": state, "options": [_clean(copy) for copy in copies[:10]], "file": _clean(file.path)}


def _change(home: str, uid: int, blob: bytes, options: str, line: bytes | None) -> dict[str, Any]:
    """Leave exactly this line of the key, or, if it is None, none."""
    file = _load(home, uid)
    old = _find(file, blob, options)
    if old["state"] == ("present" if line else "absent"):
        return {"changed": False, "old": old, "new": old}
    kept = [other for other in _lines(file.text) if (_parse(other) or (None,))[0] != blob]
    with contextlib.suppress(FileExistsError):
        os.mkdir(os.path.join(home, ".ssh"), 0o700)
    fresh = file._replace(text=b"".join(other + b"\n" for other in (*kept, *([line] if line else []))))
    _replace(fresh)
    return {"changed": True, "old": old, "new": _find(fresh, blob, options)}


def _as_user(user: str, work: Callable[[str, int], dict[str, Any]]) -> dict[str, Any]:
    """Return what work(home, uid) returns in a child process that is the user."""
    account = _account(user)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(_answer(account, work)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as source:
        if not select.select([source], [], [], DEADLINE)[0]:
            # The user may stop what runs as him; a dead network may keep even a killed process.
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, os.WNOHANG)
            raise CommandExecutionError(f"the home folder of {user} gave no answer in {DEADLINE} seconds")
        raw = source.read(MAX_ANSWER)
    os.waitpid(child, 0)
    answer = json.loads(raw or b'{"error": "the work in its home folder was broken off"}')
    if "error" in answer:
        raise CommandExecutionError(f"{user}: {answer['error']}")
    return dict(answer)


def _answer(account: pwd.struct_passwd, work: Callable[[str, int], dict[str, Any]]) -> dict[str, Any]:
    """Become the user and do the work; whatever fails is put in words, for the parent to raise."""
    try:
        if os.geteuid() == 0:
            os.initgroups(account.pw_name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.umask(0o077)
        with _explained("authorized_keys cannot be read or replaced"):
            return work(account.pw_dir, account.pw_uid)
    except Exception as err:  # noqa: BLE001 - the child has nobody else to tell
        return {"error": _clean(str(err) or repr(err), MAX_LINE)}


def _account(user: str) -> pwd.struct_passwd:
    try:
        account = pwd.getpwnam(_valid(user))
    except KeyError:
        raise CommandExecutionError(f"there is no user {user} here") from None
    if os.geteuid() not in (0, account.pw_uid):
        raise CommandExecutionError(f"only root and {user} may do this")
    return account


def _valid(user: str) -> str:
    if not isinstance(user, str) or not USER.match(user):
        raise CommandExecutionError(f"not a user's name: {_clean(str(user))}")
    return user


def _rule(user: str) -> bytes:
    return f"{_valid(user)} ALL=(root) NOPASSWD: ALL".encode()


def _drop_in() -> _File:
    with _explained("sudo's rule cannot be read"):
        try:
            found = os.lstat(DROP_IN)
            with open(DROP_IN, "rb") as source:
                return _File(DROP_IN, source.read(MAX_FILE), found.st_mode, (found.st_uid, found.st_gid))
        except FileNotFoundError:
            return _File(DROP_IN, b"", 0o440, None)


def _others(file: _File, rule: bytes) -> list[bytes]:
    return [line for line in _lines(file.text) if line != rule]


def _replace_rules(rules: list[bytes]) -> None:
    _replace(_File(DROP_IN, b"".join(rule + b"\n" for rule in rules), 0o440, _me()), accept=_refuse_broken)


def _complaint(path: str) -> str:
    """Return what visudo finds wrong with a file and all that it includes; empty if nothing."""
    visudo = shutil.which("visudo", path=SYSTEM_PATH)
    if not visudo:
        raise CommandExecutionError("sudo is not installed here")
    # Of a file named by -f visudo checks the grammar alone: sudo itself works with a drop-in of another mode, and
    # many a node has one (measured, sudo 1.9.13 and 1.9.16).
    done = subprocess.run([visudo, "-cf", path], capture_output=True, timeout=DEADLINE, check=False)
    return "" if done.returncode == 0 else _clean(done.stderr or done.stdout or b"it gives no reason")


def _refuse_broken(draft: str) -> None:
    complaint = _complaint(draft)
    if complaint:
        raise CommandExecutionError(f"visudo refuses the rule: {complaint}")


def _replace(file: _File, accept: Callable[[str], None] | None = None) -> None:
    """Put a file in the place of another in one step, once accept(draft) has raised nothing against it.

    The draft lies beside it, with a dot in its name, so that sudo passes over it.
    """
    folder, name = os.path.split(file.path)
    opened, draft = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(opened, "wb") as out:
            out.write(file.text)
            if file.owner:
                _give(opened, file)
            os.fchmod(opened, stat.S_IMODE(file.mode))
            out.flush()
            os.fsync(opened)
        if accept:
            accept(draft)
        os.replace(draft, file.path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
    _sync(folder)


def _give(opened: int, file: _File) -> None:
    found, owner = os.fstat(opened), file.owner or _me()
    if (found.st_uid, found.st_gid) != owner:
        try:
            os.fchown(opened, *owner)
        except PermissionError:
            raise CommandExecutionError(
                f"{_clean(file.path)} belongs to {owner[0]}:{owner[1]}, which its user cannot keep so"
            ) from None


def _me() -> tuple[int, int]:
    return os.geteuid(), os.getegid()


def _sync(folder: str) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def _explained(failure: str) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.TimeoutExpired) as err:
        reason = getattr(err, "strerror", None) or "no answer in time"
        where = getattr(err, "filename", None)
        at = f"{where}: " if isinstance(where, str) else ""
        raise CommandExecutionError(_clean(f"{failure}: {at}{reason}")) from err


def _clean(text: str | bytes, limit: int = 200) -> str:
    """Return text as one bounded line without control, format or separator characters.

    And without the words at which the ``salt-ssh`` command takes its own login for refused, wherever they stand in a
    failure's text, and asks the operator for a password (measured, 3008.4).
    """
    line = text if isinstance(text, str) else text[: limit * 4 + 4].decode("utf-8", "replace")
    shown = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in line[:limit])
    return shown.replace("Permission denied", "not permitted") + ("…" if len(line) > limit else "")

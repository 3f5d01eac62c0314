"""The confirmed host keys: known_hosts, keyed by the node's id, so that an address may change and a key may not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.federation.files import write_atomic
from mip_salt.ssh.hostkeys import HostKey

ALIAS = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
LINES = re.compile(rb"[^\n]*\n|[^\n]+\Z")
MAX_BYTES = 1024 * 1024
MAX_LINE = 8192


def read(path: Path) -> dict[str, list[HostKey]]:
    """Return the pinned host keys of every id; none if the file does not exist.

    Blank lines and comments are allowed. OpenSSH would also take hashed names, patterns, lists of names and
    markers: each of them would let a line count for more than the one node it names, so none is taken here.

    Raises Damaged with the number of the first bad line.
    """
    found: dict[str, list[HostKey]] = {}
    for number, line in enumerate(_bytes(path).split(b"\n"), 1):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        try:
            if len(line) > MAX_LINE:
                raise ValueError("the line is too long")
            if len(words) < 3:
                raise ValueError("a line is: id, key type, key")
            alias, kind, blob = (word.decode("ascii") for word in words[:3])
            if not ALIAS.match(alias):
                raise ValueError("it does not start with a node's id")
            key = HostKey(kind, blob)
        except UnicodeDecodeError:
            raise _damaged(path, number, "it is not plain text") from None
        except ValueError as err:
            raise _damaged(path, number, str(err)) from None
        keys = found.setdefault(alias, [])
        if key not in keys:
            keys.append(key)
    return found


def pin(path: Path, id: str, keys: Sequence[HostKey]) -> None:
    """Replace a node's pinned host keys; every other line stays as it is, byte by byte.

    Raises Damaged if the file cannot be read or written; it is then untouched.
    """
    if not ALIAS.match(id):
        raise ValueError("not a node's id")
    if not keys:
        raise ValueError("no host key to pin")
    _replace(path, id, [key.line(id) for key in dict.fromkeys(keys)])


def unpin(path: Path, id: str) -> None:
    """Remove a node's pinned host keys; every other line stays as it is, byte by byte.

    Raises Damaged if the file cannot be read or written; it is then untouched.
    """
    _replace(path, id, [])


def holder(pins: Mapping[str, Sequence[HostKey]], keys: Sequence[HostKey], except_id: str) -> str | None:
    """Return the other id that already has one of these keys: a clone, or the same machine a second time."""
    wanted = set(keys)
    return next((id for id, held in pins.items() if id != except_id and wanted.intersection(held)), None)


def _replace(path: Path, alias: str, lines: Sequence[str]) -> None:
    old = _bytes(path)
    kept = [line for line in LINES.findall(old) if line.split()[:1] != [alias.encode()]]
    if kept and lines and not kept[-1].endswith(b"\n"):
        kept[-1] += b"\n"
    new = b"".join(kept) + b"".join(f"{line}\n".encode("ascii") for line in lines)
    if new != old:
        write_atomic(path, new)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as err:
        raise Damaged(
            f"{path} cannot be read: {err.strerror}",
            hint="Restore it from a backup, or make it readable for you alone.",
        ) from err
    if len(data) > MAX_BYTES:
        raise Damaged(
            f"{path} has more than {MAX_BYTES} bytes", hint="It is not a list of pinned host keys; restore it."
        )
    return data


def _damaged(path: Path, number: int, why: str) -> Damaged:
    return Damaged(
        f"{path}, line {number}: {why}",
        hint="Remove the line; if it was a node's pin, confirm its host key again with: mip-salt node trust ID",
    )

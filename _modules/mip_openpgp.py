"""
Know an OpenPGP public key by its fingerprint.

Runs on the node under Salt's thin: standard library and Salt only, Python 3.8 and later. A node has what apt checks
signatures with, gpgv or sqv, and neither tells a fingerprint; gpg need not be there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__virtualname__ = "mip_openpgp"

MAX_BYTES = 1 << 20
ARMOR = re.compile(
    rb"\s*-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n(?:[A-Za-z]+: [^\n]*\n)*\s*"
    rb"(?P<body>[A-Za-z0-9+/=\s]+?)(?:\n=[A-Za-z0-9+/]{4}\s*)?-----END PGP PUBLIC KEY BLOCK-----\s*\Z"
)
# Packets of RFC 4880 that a file of public keys is made of: keys, signatures, trust, whose a key is, subkeys, pictures.
PUBLIC_KEY = 6
PARTS = {PUBLIC_KEY, 2, 12, 13, 14, 17}


def __virtual__() -> str:
    return __virtualname__


def fingerprint(path: str) -> str:
    """
    Return the fingerprint of the one key in a file, 40 of 0-9 and A-F.

    path
        A public key, in ASCII armour or binary, as ``gpg --export`` writes it.

    Raises CommandExecutionError if it is not one key and nothing else: who trusts a file trusts every key in it.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_openpgp.fingerprint /etc/apt/keyrings/mip-docker.gpg
    """
    keys = [body for tag, body in _packets(_binary(path)) if tag == PUBLIC_KEY]
    if len(keys) != 1:
        raise CommandExecutionError(f"it holds {len(keys)} keys instead of one")
    (body,) = keys
    if body[:1] != b"\x04":
        raise CommandExecutionError("its key is not of OpenPGP's version 4")
    # RFC 4880, 12.2: OpenPGP defines it so; to make another key of a given fingerprint is not within reach.
    digest = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body)  # noqa: S324
    return digest.hexdigest().upper()


def keyring(path: str) -> str:
    """
    Return the key in a file in binary, as apt takes it from a file that ends in ``.gpg``; in base64.

    path
        As for :py:func:`fingerprint`, which judges it.

    CLI Example:

    .. code-block:: bash

        salt-ssh wk1 mip_openpgp.keyring /etc/apt/keyrings/docker.asc
    """
    return base64.b64encode(_binary(path)).decode("ascii")


def _binary(path: str) -> bytes:
    try:
        with open(path, "rb") as source:
            data = source.read(MAX_BYTES + 1)
    except OSError as err:
        raise CommandExecutionError(f"it cannot be read: {err.strerror}") from err
    if len(data) > MAX_BYTES:
        raise CommandExecutionError("it is too large for a key")
    armoured = ARMOR.match(data)
    if not armoured:
        return data
    try:
        return base64.b64decode(b"".join(armoured["body"].split()), validate=True)
    except binascii.Error as err:
        raise CommandExecutionError("it is not an OpenPGP public key") from err


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the packets of a public key, each with its tag; raise CommandExecutionError at anything else."""
    at = 0
    while at < len(data):
        tag, start, size = _header(data[at : at + 6])
        if tag not in PARTS or (at == 0 and tag != PUBLIC_KEY):
            raise CommandExecutionError("it is not an OpenPGP public key")
        body = data[at + start : at + start + size]
        if len(body) != size:
            raise CommandExecutionError("its end is missing")
        yield tag, body
        at += start + size


def _header(data: bytes) -> tuple[int, int, int]:
    """Return a packet's tag, the length of its header and that of its body (RFC 4880, 4.2)."""
    first = data[0] if data else 0
    width = 0
    if first & 0xC0 == 0x80 and first & 3 < 3:
        tag, width = first >> 2 & 0x0F, 1 << (first & 3)
        size = int.from_bytes(data[1 : 1 + width], "big")
    elif first & 0xC0 == 0xC0 and len(data) > 1:
        tag, octet = first & 0x3F, data[1]
        if octet < 192:
            width, size = 1, octet
        elif octet < 224:
            width, size = 2, (octet - 192 << 8) + int.from_bytes(data[2:3], "big") + 192
        elif octet == 255:
            width, size = 5, int.from_bytes(data[2:6], "big")
    if not width or len(data) < 1 + width:
        raise CommandExecutionError("it is not an OpenPGP public key")
    return tag, 1 + width, size

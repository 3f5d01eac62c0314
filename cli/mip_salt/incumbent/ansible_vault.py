"""Open Ansible's vault file, formats 1.1 and 1.2, in memory.

Format (docs of Ansible 2.9 to 2.17, and a file made by ansible-vault, opened with this code): a header line
``$ANSIBLE_VAULT;1.1;AES256``, or ``1.2`` with a label after it; then hex in lines of 80, which holds three hex texts, a
line each: salt, HMAC, ciphertext. PBKDF2-HMAC-SHA256 of 10 000 rounds makes 80 bytes of passphrase and salt: the AES
key, the HMAC key, the counter's start. The HMAC is of the ciphertext; the cipher AES-256-CTR, padded as in PKCS 7.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field

from mip_salt.errors import Damaged, LoginRefused
from mip_salt.printable import printable

HEADER = b"$ANSIBLE_VAULT;"
ROUNDS, KEY, BLOCK = 10_000, 32, 16


@dataclass(frozen=True)
class Sealed:
    """What the file holds before it is opened."""

    salt: bytes = field(repr=False)
    hmac: bytes = field(repr=False)
    text: bytes = field(repr=False)


def is_sealed(data: bytes) -> bool:
    """Say whether a file begins as Ansible's vault does."""
    return data.lstrip().startswith(HEADER)


def read(data: bytes, source: str) -> Sealed:
    """Return the parts of a vault file.

    source
        What to call it in an error.

    Raises Damaged if it is not of the format.
    """
    first, *body = data.lstrip().splitlines() or [b""]
    fields = first.strip().split(b";")
    label = len(fields) == (4 if fields[1:2] == [b"1.2"] else 3)
    if fields[0] + b";" != HEADER or fields[1:3] not in ([b"1.1", b"AES256"], [b"1.2", b"AES256"]) or not label:
        raise Damaged(
            f"{source}, line 1: {printable(first, 60)} is not a header of Ansible's vault 1.1 or 1.2 with AES256",
            hint="ansible-vault view there tells whether Ansible reads it; ansible-vault rekey writes it as 1.1.",
        )
    try:
        parts = binascii.unhexlify(b"".join(line.strip() for line in body)).split(b"\n", 2)
        salt, hmac, text = (binascii.unhexlify(part.strip()) for part in parts)
    except ValueError:  # binascii.Error is one
        raise _damaged(source) from None
    if len(hmac) != KEY or not salt or not text:
        raise _damaged(source)
    return Sealed(salt, hmac, text)


def _damaged(source: str) -> Damaged:
    return Damaged(
        f"{source}: is not whole: after its header there is not the hex that Ansible's vault writes",
        hint="Take it from an older backup, or go on without its passwords.",
    )


def unseal(sealed: Sealed, passphrase: str) -> bytes:
    """Return what a vault file says.

    passphrase
        As it was typed. The incumbent read it with bash's ``read`` without ``-r``, which drops blanks around it and
        takes backslashes away; so that reading is tried too. It costs no attempt: the file cannot lock anybody out.

    Raises LoginRefused for a passphrase that does not fit.
    """
    for text in dict.fromkeys((passphrase, as_bash_reads(passphrase))):
        plain = _try(sealed, text)
        if plain is not None:
            return plain
    raise LoginRefused(
        "the passphrase does not open the incumbent's vault.yaml, or the file is damaged",
        hint='It is what `mip … configure pusher` asked for as "Ansible Vault password".',
    )


def as_bash_reads(text: str) -> str:
    """Return what bash's ``read`` makes of a line: a backslash keeps the next character, and goes."""
    out, kept = "", False
    for c in text.strip(" \t"):
        if c == "\\" and not kept:
            kept = True
            continue
        out, kept = out + c, False
    return out


def _try(sealed: Sealed, passphrase: str) -> bytes | None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.hmac import HMAC
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    # surrogateescape: what a terminal gave that is not UTF-8 goes in as the bytes it was.
    secret = passphrase.encode("utf-8", "surrogateescape")
    made = PBKDF2HMAC(SHA256(), 2 * KEY + BLOCK, sealed.salt, ROUNDS).derive(secret)
    check = HMAC(made[KEY : 2 * KEY], SHA256())
    check.update(sealed.text)
    try:
        check.verify(sealed.hmac)
    except InvalidSignature:
        return None
    cipher = Cipher(AES(made[:KEY]), CTR(made[2 * KEY :])).decryptor()
    return _unpadded(cipher.update(sealed.text) + cipher.finalize())


def _unpadded(plain: bytes) -> bytes:
    pad = plain[-1]
    return plain[:-pad] if 1 <= pad <= BLOCK and plain.endswith(bytes([pad]) * pad) else plain

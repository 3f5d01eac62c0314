"""A node's host key, in OpenSSH's words."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

# An RSA key of 16384 bits takes 2.8 kB; nothing longer is a host key.
MAX_BLOB = 4096
NAMES = {
    "ssh-ed25519": "ED25519",
    "ecdsa-sha2-nistp256": "ECDSA",
    "ecdsa-sha2-nistp384": "ECDSA",
    "ecdsa-sha2-nistp521": "ECDSA",
    "ssh-rsa": "RSA",
}


@dataclass(frozen=True)
class HostKey:
    """One public host key.

    kind
        Its type, as OpenSSH writes it: ``ssh-ed25519``, ``ssh-rsa``, …
    blob
        The key itself in base64, as in a ``.pub`` file.

    Raises ValueError if the two are not one well-formed key.
    """

    kind: str
    blob: str

    def __post_init__(self) -> None:
        if self.kind not in NAMES:
            raise ValueError(f"a host key is one of {', '.join(NAMES)}")
        if len(self.blob) > MAX_BLOB:
            raise ValueError("the key is too long")
        try:
            raw = base64.b64decode(self.blob.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("the key is not base64") from None
        kind = self.kind.encode("ascii")
        if not raw.startswith(len(kind).to_bytes(4, "big") + kind) or len(raw) <= 4 + len(kind) + 4:
            raise ValueError(f"the key is not of the type {self.kind} that stands before it")
        if base64.b64encode(raw).decode("ascii") != self.blob:
            # One key, one spelling: two spellings of one key must not pass for two keys.
            raise ValueError("the key is not in canonical base64")

    @property
    def name(self) -> str:
        """Return the type as ``ssh-keygen -l`` prints it, such as ``ED25519``."""
        return NAMES[self.kind]

    @property
    def fingerprint(self) -> str:
        """Return ``SHA256:…``, as ``ssh-keygen -l`` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    def line(self, alias: str) -> str:
        """Return the line of known_hosts that pins the key under an alias, without its newline."""
        return f"{alias} {self.kind} {self.blob}"

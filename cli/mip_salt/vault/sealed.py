"""Look at a federation's secrets without opening them: is each of them sealed on disk?"""

from __future__ import annotations

import base64
import re
from pathlib import Path

from mip_salt.federation.folder import Folder
from mip_salt.vault.entries import HEADER, MAX_BYTES
from mip_salt.vault.gpg import gpg_says

# A gpg key file names its kind: protected, shadowed (on a card) or bare; the first form of two since gpg 2.3.
BARE = re.compile(rb"\((?:\d+:)?private-key\b")
SEALED = re.compile(rb"\((?:\d+:)?(?:protected|shadowed)-private-key\b")
# PROTOCOL.key of OpenSSH: the magic, then the cipher as a string; `none` is a key in clear.
MAGIC, NONE = b"openssh-key-v1\0", b"\0\0\0\x04none"


def in_clear(folder: Folder) -> list[Path]:
    """Return the files that should hold a sealed secret, and do not."""
    keys = [path for kept in folder.gnupg.glob("private-keys-*.d") for path in kept.iterdir()]
    entries = [folder.vault, *folder.entries.glob("*.sls")]
    return sorted(
        [path for path in keys if not _sealed_key(path)]
        + [path for path in entries if path.is_file() and not _sealed_entry(path)]
        + [path for path in (folder.identity,) if path.is_file() and not _sealed_identity(path)]
    )


def vault_fingerprint(folder: Folder) -> str:
    """Return the fingerprint of the vault's own key; empty if there is none.

    That is the key of the ring whose secret half lies beside it. gpg can list secret keys,
    but starts an agent for it.

    Raises Damaged if gpg is not installed.
    """
    if not folder.gnupg.is_dir():
        return ""
    listing = gpg_says(folder.gnupg, "--with-colons", "--with-keygrip", "--list-keys")
    rows = [line.split(":") for line in listing.splitlines()]
    primary = ""
    for before, row in zip([[""], *rows], rows, strict=False):
        if row[0] == "fpr" and before[0] == "pub":
            primary = row[9]
        elif row[0] == "grp" and (folder.gnupg / "private-keys-v1.d" / f"{row[9]}.key").is_file():
            return primary
    return ""


def _sealed_key(path: Path) -> bool:
    data = path.read_bytes()
    return bool(SEALED.search(data)) and not BARE.search(data)


def _sealed_entry(path: Path) -> bool:
    with path.open("rb") as source:
        text = source.read(MAX_BYTES + 1)
    return text.startswith(f"{HEADER}-----BEGIN PGP MESSAGE-----\n".encode()) and len(text) <= MAX_BYTES


def _sealed_identity(path: Path) -> bool:
    lines = path.read_bytes().split(b"\n")
    try:
        blob = base64.b64decode(b"".join(line for line in lines if not line.startswith(b"-----")), validate=True)
    except ValueError:
        return False
    return blob.startswith(MAGIC) and not blob.startswith(MAGIC + NONE)

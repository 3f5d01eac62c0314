"""The key's files while its passphrase changes: gpg replaces each on its own, and all or none may change."""

from __future__ import annotations

from pathlib import Path

from mip_salt.federation.files import sync_folder, write_atomic

KEYS, SPARE, COPY, DONE = (f"private-keys-{name}.d" for name in ("v1", "old", "copy", "done"))


def keep_spare(home: Path) -> None:
    """Copy the key files of a keyring; the copy has its name only when all of it is on the disk."""
    copy = home / COPY
    copy.mkdir(mode=0o700)
    for key in (home / KEYS).iterdir():
        write_atomic(copy / key.name, key.read_bytes())
    copy.rename(home / SPARE)
    sync_folder(home)


def put_back(home: Path) -> None:
    """Take back a change that did not come to its end, of this process or of one that was killed."""
    import shutil

    if (home / SPARE).is_dir():
        shutil.rmtree(home / KEYS, ignore_errors=True)
        (home / SPARE).rename(home / KEYS)
    for left in (COPY, DONE):
        shutil.rmtree(home / left, ignore_errors=True)


def drop_spare(home: Path) -> None:
    """Let the change hold, from the first moment on: also if we are killed in the middle of this."""
    import shutil

    (home / SPARE).rename(home / DONE)
    shutil.rmtree(home / DONE)

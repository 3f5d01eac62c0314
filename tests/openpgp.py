"""OpenPGP keys as they are made elsewhere: by gpg, and for a test."""

import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path


class Keyring:
    """A keyring of gpg's in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        """Run gpg, and return what it says."""
        own = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--passphrase", "", "--pinentry-mode=loopback"]
        return subprocess.run([*own, *words], input=stdin, capture_output=True, check=True).stdout

    def make(self, name: str) -> str:
        """Make a key that signs; return its fingerprint."""
        self.gpg("--quick-gen-key", name, "ed25519", "sign")
        said = self.gpg("--list-keys", "--with-colons", name).decode()
        return next(line.split(":")[9] for line in said.splitlines() if line.startswith("fpr:"))

    def public(self, *names: str) -> bytes:
        """Return public keys in armour, as a repository publishes them."""
        return self.gpg("--export", "--armor", *names)


@contextmanager
def keyring():
    """Give an empty keyring; no agent outlives it."""
    with tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp") as home:
        yield Keyring(Path(home))
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)

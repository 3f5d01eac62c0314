"""The vault: one signed and encrypted GPG message a node, opened only by its federation's own agent."""

from __future__ import annotations

import re
import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.errors import Damaged, LoginRefused, MipError, TrustRefused, UsageError
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.vault import key_files
from mip_salt.vault.entries import FEDERATION, HEADER, MAX_BYTES, Entry, decode, encode
from mip_salt.vault.gpg import (
    AGENT_CONF,
    GPG_CONF,
    SECONDS,
    agent,
    environment,
    kill_agent,
    last_words,
    open_gpg,
    refused_passphrase,
    words,
)
from mip_salt.vault.passphrase import normalised, unusable

# Nobody may be asked: what the agent does not hold fails.
SILENT = ["--batch", "--pinentry-mode", "error"]


# One armored message and nothing beside it: gpg opens one whose last lines are lost (measured, 2.2.40).
WHOLE = re.compile(
    rf"{HEADER}-----BEGIN PGP MESSAGE-----\n\n(?:[A-Za-z0-9+/]+=*\n)+(?:=[A-Za-z0-9+/]{{4}}\n)?"
    r"-----END PGP MESSAGE-----\n*"
)

if TYPE_CHECKING:
    import gnupg


class Vault:
    """One federation's vault.

    folder
        The federation's folder; the keyring is its ``gnupg``.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    @cached_property
    def _gpg(self) -> gnupg.GPG:
        return open_gpg(self.folder.gnupg)

    @cached_property
    def _ring(self) -> list[tuple[str, int]]:
        """Return fingerprint and birth, in seconds, of every key of the ring: each is a recipient and may sign."""
        return [(str(key["fingerprint"]), int(key["date"])) for key in self._gpg.list_keys()]

    @cached_property
    def _mine(self) -> str:
        secret = self._gpg.list_keys(True)
        if not secret:
            raise Damaged("the vault's key is missing", hint=f"Restore {self.folder.gnupg} from a backup.")
        return str(secret[0]["fingerprint"])

    def read_ring(self) -> None:
        """Read the keys of the ring, which each entry's signature is held against, now."""
        self._ring  # noqa: B018 - from here on they are there

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the vault's own key."""
        return self._mine

    def exists(self) -> bool:
        """Say whether the vault was made; its federation's entry is what is written last."""
        return self.folder.vault.is_file()

    def create(self, passphrase: str) -> None:
        """Make the keyring and its key, protected by a passphrase that was checked.

        Raises Damaged if entries are there already, or if gpg cannot.
        """
        if self.exists() or any(self.folder.entries.glob("*.sls")):
            raise Damaged(
                "there are vault entries already", hint=f"Restore {self.folder.gnupg} and {self.folder.vault}."
            )
        import shutil

        kill_agent(self.folder.gnupg)
        shutil.rmtree(self.folder.gnupg, ignore_errors=True)  # of a run that was killed: nothing was sealed yet
        self.folder.gnupg.mkdir(mode=0o700)
        write_atomic(self.folder.gnupg / "gpg-agent.conf", AGENT_CONF)
        write_atomic(self.folder.gnupg / "gpg.conf", GPG_CONF)
        # By commands, not by a parameter file: that one strips the blanks around a passphrase (measured, gpg 2.2.40).
        user, secret = (
            f"mip-salt vault {self.folder.name} <{self.folder.name}@mip-salt.invalid>",
            normalised(passphrase),
        )
        self._run(
            ["--passphrase-fd", "0", "--batch", "--quick-generate-key", user, "ed25519", "sign,cert", "0"], secret
        )
        if self._ring:
            self._run(
                ["--passphrase-fd", "0", "--batch", "--quick-add-key", self._mine, "cv25519", "encr", "0"], secret
            )
        if not any(key["subkeys"] for key in self._gpg.list_keys()):
            raise Damaged("gpg could not make the vault's key", hint="gpg 2.2 or newer is needed.")

    def unlock(self, passphrase: str) -> None:
        """Let the agent hold the key for this passphrase.

        Raises LoginRefused for a wrong passphrase, Damaged for a key that cannot be used.
        """
        self.lock()  # a warm agent would accept any passphrase (measured)
        key_files.put_back(self.folder.gnupg)
        born = max((birth for _, birth in self._ring), default=0)
        if time.time() < born:
            raise Damaged("this machine's clock is before the day the vault's key was made", hint="Set the clock.")
        secret = normalised(passphrase)
        if unusable(secret):  # python-gnupg would leave a gpg behind that waits for ever
            raise self._wrong()
        self._sign_and_open(secret)

    def _sign_and_open(self, secret: str) -> None:
        """Let the agent, which holds nothing yet, take the key with a normalised passphrase; else raise."""
        done = self._gpg.encrypt("canary", self._mine, sign=self._mine, passphrase=secret, always_trust=True)
        if done.ok:
            done = self._gpg.decrypt(str(done), passphrase=secret)
        if done.ok:
            return
        self.lock()
        if refused_passphrase(done):
            raise self._wrong()
        if {"KEYEXPIRED", "EXPKEYSIG"} & set(words(done)):
            raise Damaged(
                "the vault's key has an expiry date, and it has passed",
                hint=f"gpg --homedir {self.folder.gnupg} --quick-set-expire {self._mine} 0",
            )
        raise Damaged(
            f"gpg could not use the vault's key ({last_words(done)})",
            hint=f"Run it again; if that says the same, restore {self.folder.gnupg} from a backup.",
        )

    def lock(self) -> None:
        """Forget the passphrase: end the agent."""
        kill_agent(self.folder.gnupg)

    def unlocked(self) -> bool:
        """Say whether the agent holds the key; starts no agent."""
        if not self.folder.gnupg.is_dir():
            return False
        rows = [line.split() for line in agent(self.folder.gnupg, "keyinfo --list").splitlines()]
        return any(row[:2] == ["S", "KEYINFO"] and len(row) > 6 and row[6] == "1" for row in rows)

    def seal(self, name: str, entry: Entry) -> str:
        """Return an entry signed and encrypted to every key of the ring.

        Raises LoginRefused if the vault is locked, UsageError if it is too large.
        """
        text = encode(self.folder.name, name, entry)
        ring = [fingerprint for fingerprint, _ in self._ring]
        sealed = self._gpg.encrypt(text, ring, sign=self._mine, always_trust=True, extra_args=SILENT)
        if not sealed.ok or not str(sealed):
            raise self._failure(name, "gpg could not seal its entry")
        if len(HEADER) + len(str(sealed)) > MAX_BYTES:  # what could not be opened again is not written
            raise UsageError(
                f"its vault entry would be larger than {MAX_BYTES >> 20} MiB",
                node=name,
                hint="Keep large things in files outside the vault, and only what opens them in it.",
            )
        return HEADER + str(sealed)

    def open(self, name: str, text: str) -> Entry:
        """Return what a sealed text says, if this vault sealed it for this node.

        gpg's exit code, its word DECRYPTION_OKAY, a good signature by a key of the ring, federation and id must all
        fit: gpg alone prints what it could decrypt of a damaged message (measured, facts 0.6).

        Raises LoginRefused if locked, Damaged if damaged, TrustRefused if not signed by the vault or another's.
        """
        if not WHOLE.fullmatch(text) or len(text) > MAX_BYTES:
            raise Damaged(
                "its vault entry is damaged", node=name, hint="Restore it from a backup, or configure the node."
            )
        opened = self._gpg.decrypt(text.removeprefix(HEADER), extra_args=SILENT)
        said = words(opened)
        if "DECRYPTION_OKAY" in said and ("NO_PUBKEY" in said or not {"GOODSIG", "BADSIG", "EXPKEYSIG"} & set(said)):
            raise self._foreign(name)  # whole, and sealed to our key, which is public: not by us
        if opened.returncode or not opened.ok or "DECRYPTION_OKAY" not in said or "GOODSIG" not in said:
            raise self._failure(name, "its vault entry is damaged")
        signer = said.get("VALIDSIG", "").split()[-1:]
        if not signer or signer[0] not in {fingerprint for fingerprint, _ in self._ring}:
            raise self._foreign(name)
        try:
            return decode(self.folder.name, name, str(opened))
        except UnicodeDecodeError:
            raise Damaged(
                "its vault entry is not one of mip-salt's",
                node=name,
                hint="Restore it from a backup, or configure the node again.",
            ) from None

    def read(self, name: str) -> Entry:
        """Return the entry of a node, or of the federation under the name ``federation``.

        Raises Damaged if there is none, and as `open` does.
        """
        path = self._path(name)
        try:
            text = path.read_text("ascii")
        except FileNotFoundError:
            raise Damaged("it has no vault entry", node=name, hint="Configure the node again.") from None
        except (OSError, UnicodeDecodeError):
            raise Damaged("its vault entry is damaged", node=name, hint=f"Restore {path} from a backup.") from None
        return self.open(name, text)

    def write(self, name: str, entry: Entry) -> None:
        """Seal an entry and put it in its file."""
        write_atomic(self._path(name), self.seal(name, entry))

    def change_passphrase(self, old: str, new: str) -> None:
        """Protect the same key with a new passphrase; no entry is rewritten, and old copies of the key keep the old.

        Interrupted, the old passphrase holds: gpg replaces each key file on its own, so they are put back.

        Raises LoginRefused if the old one is wrong.
        """
        self.unlock(old)
        self.lock()
        key_files.keep_spare(self.folder.gnupg)
        try:
            self._run(["--yes", "--status-fd", "2", "--command-fd", "0", "--passwd", self._mine], old, new)
            self.lock()
            self._sign_and_open(normalised(new))
        except BaseException as err:
            self.lock()
            key_files.put_back(self.folder.gnupg)
            if isinstance(err, MipError | subprocess.SubprocessError):
                raise Damaged(
                    "gpg could not change the passphrase; the old one still holds",
                    hint="Look at the disk's free space and at gpg --version, then run it again.",
                ) from err
            raise
        key_files.drop_spare(self.folder.gnupg)

    def _run(self, arguments: list[str], *answers: str) -> None:
        """Run gpg where python-gnupg has no word for it; passphrases go over its stdin, a line each."""
        call = ["gpg", "--homedir", str(self.folder.gnupg), "--no-tty", "--pinentry-mode", "loopback", *arguments]
        lines = "".join(f"{normalised(answer)}\n" for answer in answers).encode()
        subprocess.run(
            call, input=lines, capture_output=True, timeout=SECONDS, check=False, env=environment(), umask=0o077
        )

    def _path(self, name: str) -> Path:
        return self.folder.vault if name == FEDERATION else self.folder.entry(name)

    def _wrong(self) -> LoginRefused:
        return LoginRefused(
            f"wrong passphrase for the vault of {self.folder.name}",
            hint="Run it again with the right one. Nothing opens the vault without it.",
        )

    def _foreign(self, name: str) -> TrustRefused:
        return TrustRefused(
            "its vault entry is not signed by the vault's key",
            node=name,
            hint="Find out who wrote it. Restore it from a backup, or configure the node again.",
        )

    def _failure(self, name: str, otherwise: str) -> MipError:
        if not self.unlocked():
            return LoginRefused(
                f"the vault of {self.folder.name} is locked", hint=f"Run: mip-salt -f {self.folder.name} vault unlock"
            )
        return Damaged(otherwise, node=name, hint="Restore it from a backup, or configure the node again.")

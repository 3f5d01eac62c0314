"""gpg for one federation: its own keyring, in UTF-8, and no question but by us."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.errors import Damaged
from mip_salt.printable import printable
from mip_salt.process_stat import stat

if TYPE_CHECKING:
    import gnupg

AGENT_CONF = """\
# No prompt ever: what is not unlocked fails at once, also in parallel workers without a terminal.
pinentry-program /bin/false
default-cache-ttl 28800
max-cache-ttl 28800
no-allow-external-cache
# Set before the key is made: a decryption costs 0.03 s instead of 0.35 s (docs/vault.md says what it costs).
s2k-count 16777216
"""
GPG_CONF = "no-auto-key-retrieve\ntrust-model always\nno-greeting\n"
SECONDS = 60
BAD_PASSPHRASE = 11  # libgpg-error's GPG_ERR_BAD_PASSPHRASE; a failure's low 16 bits are the code, above is the source


def environment() -> dict[str, str]:
    """Return the whole environment of a child: nothing of ours is inherited, so no secret can be."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}


def open_gpg(home: Path) -> gnupg.GPG:
    """Return gpg on a keyring.

    Raises Damaged if gpg is not installed.
    """
    import shutil

    if shutil.which("gpg") is None or shutil.which("gpg-connect-agent") is None:
        raise _missing()
    import gnupg

    gpg = gnupg.GPG(gnupghome=str(home), env=environment(), options=["--no-tty"])
    gpg.encoding = "utf-8"  # its default, latin-1, breaks é in a passphrase (measured, python-gnupg 0.5.7)
    return gpg


def agent(home: Path, *commands: str) -> str:
    """Say commands to the keyring's running gpg-agent, one after the other; empty if none runs.

    Raises Damaged if gpg is not installed, or the agent hangs.
    """
    call = ["gpg-connect-agent", "--homedir", str(home), "--no-autostart", *commands, "/bye"]
    try:
        done = subprocess.run(call, capture_output=True, text=True, env=environment(), timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise _missing() from None
    except subprocess.TimeoutExpired:
        raise _hangs(home) from None
    return done.stdout


def gpg_says(home: Path, *arguments: str) -> str:
    """Return what gpg prints about a keyring; nothing that needs its agent.

    Raises Damaged if gpg is not installed, or hangs.
    """
    call = ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--no-autostart", *arguments]
    try:
        done = subprocess.run(
            call, capture_output=True, text=True, errors="replace", env=environment(), timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise _missing() from None
    except subprocess.TimeoutExpired:
        raise Damaged(f"gpg does not answer about {home}", hint="End it, then run this again.") from None
    return done.stdout


def kill_agent(home: Path) -> None:
    """End the keyring's gpg-agent, and with it every cached passphrase; return once its process has ended.

    It says OK before it ends, and until then takes whoever connects, to hang up on him: the gpg that comes next then
    finds no secret key, whatever passphrase it has (measured, 2.2.40).

    Raises Damaged if gpg is not installed, or the agent hangs.
    """
    if not home.is_dir():
        return
    found = re.search(r"^D (\d+)$", agent(home, "GETINFO pid", "KILLAGENT"), re.MULTILINE)
    deadline = time.monotonic() + SECONDS
    while found and _runs(int(found[1])):
        if time.monotonic() > deadline:
            raise _hangs(home)
        time.sleep(0.001)


def _runs(pid: int) -> bool:
    """Say whether a gpg-agent has this pid; a zombie waits for init alone, and holds nothing."""
    found = stat(pid)
    return found.name == "gpg-agent" and found.state not in "ZX"


def words(result: gnupg.Crypt) -> dict[str, str]:
    """Return gpg's status words with their arguments; python-gnupg's own attributes merge some of them."""
    lines = [line[9:] for line in str(result.stderr).splitlines() if line.startswith("[GNUPG:] ")]
    return {word: rest for word, _, rest in (line.partition(" ") for line in lines)}


def refused_passphrase(result: gnupg.Crypt) -> bool:
    """Say whether it was the passphrase that gpg failed for, by its own code: an agent that ended is another thing."""
    said = words(result)
    codes = [said.get(word, "").rpartition(" ")[2] for word in ("FAILURE", "ERROR")]
    return any(code.isdecimal() and int(code) & 0xFFFF == BAD_PASSPHRASE for code in codes)


def last_words(result: gnupg.Crypt) -> str:
    """Return what gpg said last for people to read."""
    lines = [line for line in str(result.stderr).splitlines() if line.startswith("gpg: ")]
    return printable(lines[-1], 200) if lines else "gpg said nothing"


def _hangs(home: Path) -> Damaged:
    return Damaged(f"the gpg-agent of {home} does not answer", hint="End it, then run this again.")


def _missing() -> Damaged:
    return Damaged("gpg is not installed", hint="apt-get install gnupg")

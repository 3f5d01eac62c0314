"""Run the system's tools, and write what a node finds on its disk."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.printable import printable

# Takes one line on what is being done.
Progress = Callable[[str], None]


def silent(line: str) -> None:
    """Say nothing on the way."""


def call(words: Sequence[str], *, stdin: str = "", timeout: float = 60) -> str:
    """Run a tool of this machine; return what it printed.

    stdin
        What it reads; the place for a secret.
    timeout
        Seconds it may take.

    Raises Damaged with the tool's last words.
    """
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout, umask=0o022
        )
    except FileNotFoundError:
        raise Damaged(
            f"{words[0]} is not installed on this machine", hint="mip-salt lab up --install-missing"
        ) from None
    except subprocess.TimeoutExpired:
        raise Damaged(
            f"{words[0]} did not end in {timeout:.0f} s",
            command=" ".join(words),
            hint="This machine may be overloaded; run it again.",
        ) from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Damaged(
            f"{words[0]} failed ({done.returncode}): {printable(said[-1]) if said else 'it said nothing'}",
            command=" ".join(words),
            hint="Run the command below as root, and look at what it says.",
        )
    return done.stdout


def succeeds(words: Sequence[str]) -> bool:
    """Run a tool of this machine; say whether it succeeded."""
    try:
        call(words)
    except Damaged:
        return False
    return True


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file with exactly this mode, whatever the umask."""
    path.write_text(text, "utf-8")
    path.chmod(mode)

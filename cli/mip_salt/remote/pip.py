"""Download wheels by pip, by hash; whatever Python and processor this machine has, the same files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from mip_salt.errors import Damaged, MipError, Unreachable
from mip_salt.printable import printable

KIND = (
    "--python-version=3.8",
    "--implementation=cp",
    "--abi=cp38",
    "--abi=abi3",
    "--abi=none",
    "--platform=manylinux2014_x86_64",
)
BY_HASH = ("--no-deps", "--require-hashes", "--only-binary=:all:")
PATIENCE = ("--retries=1", "--timeout=15")
QUIET = ("--quiet", "--no-input", "--disable-pip-version-check")
SECONDS = 600
FAILED = "the libraries that nodes need cannot be downloaded"
ELSEWHERE = (
    "Mend the way to the internet (https_proxy, or pip's own configuration), and run it again.\n"
    "Without internet: mip-salt install --from STICK, or MIP_SALT_WHEELHOUSE=DIR names a folder that has them."
)
ERRNO = re.compile(r"\[Errno -?\d+\] ([^'\")\]]+)")
REFUSED = re.compile(r"^ +(\S+) from \S+ ", re.MULTILINE)


def download(requirements: str, into: Path) -> None:
    """Download wheels for the oldest Python of a node, from where this machine's pip downloads.

    requirements
        A line each: ``name==version --hash=sha256:…``, of the file for Linux on x86_64 if there are several.
    into
        A private empty folder; the requirements are written there too.

    Raises Damaged if this Python has no pip, or a file is not the one of the hash; Unreachable if it cannot be had.
    """
    asked = into / "requirements.txt"
    asked.write_text(requirements, "utf-8")
    call = [sys.executable, "-m", "pip", "download", *QUIET, *BY_HASH, *KIND, *PATIENCE, "-r", asked.name, "-d", "."]
    try:
        done = subprocess.run(
            call,
            cwd=into,  # Python imports from where it stands, and the operator may stand anywhere
            # A passphrase for the vault may stand in our environment.
            env={name: value for name, value in os.environ.items() if not name.startswith("MIP_SALT_")},
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(f"{FAILED}: pip did not end within {SECONDS} s", hint=ELSEWHERE) from None
    if done.returncode:
        raise _failed(done.stderr)


def _failed(said: str) -> MipError:
    """Return what pip's words on standard error mean."""
    lines = [line for line in said.splitlines() if line.strip()] or ["it gave no reason"]
    if lines[-1].endswith("No module named pip"):
        return Damaged(f"{FAILED}: {sys.executable} has no pip", hint=f"Install pip there.\n{ELSEWHERE}")
    if "DO NOT MATCH THE HASHES" in said:
        which = REFUSED.search(said)
        return Damaged(
            f"{FAILED}: what came as {printable(which[1], 60) if which else 'one of them'} is not the pinned file",
            hint=f"Nothing of it is used. A mirror or proxy that gives other files needs mending.\n{ELSEWHERE}",
        )
    reason = ERRNO.search(said)
    error = next((line for line in lines if line.startswith("ERROR: ")), lines[-1]).removeprefix("ERROR: ")
    return Unreachable(f"{FAILED}: {printable(reason[1] if reason else error, 160)}", hint=ELSEWHERE)

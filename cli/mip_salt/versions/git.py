"""git as a child: nothing of the operator's configuration, no question, no hook, one protocol, and a deadline."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.versions.git_errors import explained

CONFIG = Path(__file__).with_name("git.config")
# GIT_CONFIG_GLOBAL is heeded since 2.32; before, the operator's own configuration would be.
OLDEST = (2, 32)
# Measured, 2.39: git tells of its progress once a second, so that silence for so long is a hang.
SILENCE_SECONDS = 180.0
MAX_OUTPUT = 32 << 20
MAX_TAIL = 4096
# What a way through a hospital's proxy needs, and nothing else of our environment.
PASSED = ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "SSH_AUTH_SOCK")
PASSED_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "TMPDIR")
PROGRESS = re.compile(
    r"(?:remote: )?([A-Z][a-z]+ [a-z]+): +(\d{1,3})% \(\d+/\d+\)(?:, ([\d.]+ [KMG]?i?B|[\d.]+ bytes))?"
)


@dataclass(frozen=True)
class Progress:
    """How far something long is.

    percent
        0 to 100, or None where it is not known.
    """

    text: str
    percent: int | None = None
    amount: str = ""


Tell = Callable[[Progress], None]


def quiet(progress: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Git:
    """How git is called for one source.

    protocol
        The only one it may speak: https, ssh or file; empty for work that asks no source.
    source
        What to call the source in an error.
    """

    protocol: str = "file"
    source: str = ""
    silence: float = SILENCE_SECONDS

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the child."""
        ours = {name: os.environ[name] for name in (*PASSED, *PASSED_FILES) if name in os.environ}
        return ours | {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LC_ALL": "C.UTF-8",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(CONFIG),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": self.protocol,
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_TEMPLATE_DIR": "",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }

    def run(self, *words: str | Path, at: Path | None = None, stdin: bytes = b"", tell: Tell = quiet) -> bytes:
        """Run git; return what it printed.

        words
            What follows ``git``; never a secret, never an option that came from outside.
        at
            The repository.
        stdin
            What it reads.
        tell
            Called with its progress.

        Raises UsageError for a source or a commit that is not there, Unreachable if the source does not answer or
        breaks off, Damaged if git is missing or its work on this machine failed.
        """
        call = ["git", *(("-C", str(at)) if at else ()), *map(str, words)]
        with tempfile.TemporaryFile() if stdin else open(os.devnull, "r+b") as given:  # noqa: PTH123 - no path of ours
            given.write(stdin)
            given.seek(0)
            try:
                child = subprocess.Popen(
                    call,
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=self.environment(),
                    start_new_session=True,  # no terminal to ask at, and one group to end
                )
            except FileNotFoundError:
                raise Damaged("git is not installed", hint="apt-get install git") from None
        try:
            out, tail, silent = _read(child, self.silence, tell)
            code = child.wait()
        finally:
            if child.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if silent or code:
            raise explained(
                tail, self.source, local=self.protocol in ("", "file"), silent=self.silence if silent else 0
            )
        return out

    def require(self) -> None:
        """Raise Damaged unless git is here, and new enough."""
        said = self.run("version").decode("utf-8", "replace")
        found = re.search(r"(\d+)\.(\d+)", said)
        if not found or (int(found[1]), int(found[2])) < OLDEST:
            raise Damaged(
                f"this git is too old: {said.strip()[:60]}", hint=f"{OLDEST[0]}.{OLDEST[1]} or later is needed."
            )


def _read(child: subprocess.Popen[bytes], silence: float, tell: Tell) -> tuple[bytes, str, bool]:
    """Return what a child printed, the end of what it said on stderr, and whether it was ended for its silence."""
    out, rest, tail = bytearray(), b"", ""
    with selectors.DefaultSelector() as waiting:
        for stream in (child.stdout, child.stderr):
            assert stream is not None  # noqa: S101 - both are pipes
            waiting.register(stream, selectors.EVENT_READ)
        heard = time.monotonic()
        while waiting.get_map():
            ready = waiting.select(min(1.0, silence))
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > silence:
                os.killpg(child.pid, signal.SIGKILL)
                return bytes(out), tail, True
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    waiting.unregister(key.fileobj)
                elif key.fileobj is child.stdout:
                    out += chunk
                    if len(out) > MAX_OUTPUT:
                        os.killpg(child.pid, signal.SIGKILL)
                        raise Damaged(
                            f"git printed more than {MAX_OUTPUT >> 20} MiB",
                            hint="It may not be the repository you mean: look at the settings that name it.",
                        )
                else:
                    *lines, rest = re.split(rb"[\r\n]", (rest + chunk)[-MAX_TAIL:])
                    for line in lines:
                        tail = _heard(line.decode("utf-8", "replace"), tail, tell)
    for stream in (child.stdout, child.stderr):
        if stream:
            stream.close()
    return bytes(out), tail + rest.decode("utf-8", "replace"), False


def _heard(line: str, tail: str, tell: Tell) -> str:
    """Take a line of stderr as progress, or as a part of what may become an error."""
    found = PROGRESS.match(line)
    if not found:
        return (tail + line + "\n")[-MAX_TAIL:]
    tell(Progress(found[1].lower(), min(int(found[2]), 100), found[3] or ""))
    return tail

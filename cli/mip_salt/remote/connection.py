"""One connection to one node: the system's ssh, the first program, and then frames in both directions."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.ssh_options import destination, ssh_arguments
from mip_salt.remote.bootstrap import PROMPT, remote_command
from mip_salt.remote.frames import Frames, TooMuch, frame
from mip_salt.remote.processes import die_with_parent
from mip_salt.remote.thin import Thin
from mip_salt.vault import masters

MAX_SAID = 64 * 1024
LINGER_SECONDS = 2.0
UNWANTED = ("SSH_ASKPASS", "SSH_AUTH_SOCK", "DISPLAY")


class Lost(Exception):
    """A connection ended before its work; it carries what ssh and the node said. The exit code is for ssh's parent."""

    def __init__(self, said: str) -> None:
        super().__init__("the connection ended")
        self.said = said


class Refused(Exception):
    """The runner does not do its work: it is held by another run, was stopped, or cannot."""

    def __init__(self, kind: str, data: Any) -> None:
        super().__init__(kind)
        self.kind, self.data = kind, data if isinstance(data, dict) else {}


@dataclass(frozen=True)
class Link:
    """A started ssh, and the ends of its pipes: plain numbers, so that a fork can close those of others."""

    pid: int
    stdin: int
    stdout: int
    stderr: int

    @classmethod
    def start(cls, folder: Folder, federation: Federation, name: str, *, password: bool = False) -> Link:
        """Start ssh to a node, with the roster's options; it ends with this process.

        Raises Damaged if there is no ssh on this machine.
        """
        node = federation.nodes[name]
        # A node's banner goes to stderr at a lower level, and could pass for a message of ssh's.
        call = ["ssh", "-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]
        call += masters.options(masters.control_path(folder, federation, name))
        call += ssh_arguments(folder, federation, name)
        call += [destination(node), remote_command(node, password=password)]
        (stdin, to), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        parent = os.getpid()
        try:
            process = subprocess.Popen(
                call,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={key: value for key, value in os.environ.items() if key not in UNWANTED},
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        except FileNotFoundError:
            for fd in (to, out, err):
                os.close(fd)
            raise Damaged(
                "there is no ssh on this machine", hint="Install it: apt-get install openssh-client", node=name
            ) from None
        finally:
            for fd in (stdin, stdout, stderr):
                os.close(fd)
        process.returncode = 0  # whoever holds the link waits for it
        return cls(process.pid, to, out, err)

    def greet(self, greeting: bytes) -> None:
        """Send the first frames: the node starts on them while this machine is still at its own imports."""
        with suppress(OSError):
            os.write(self.stdin, greeting)

    def let_go(self) -> None:
        """Close this process's ends: a worker has them now."""
        for fd in (self.stdin, self.stdout, self.stderr):
            with suppress(OSError):
                os.close(fd)

    def end(self, patience: float = 0.0) -> int:
        """End ssh and whatever it started, a bastion's ssh among them; return its exit code, 0 if that is not known.

        patience
            Seconds it is given to end by itself.
        """
        until = time.monotonic() + patience
        try:
            while True:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    return os.waitstatus_to_exitcode(status)
                if time.monotonic() >= until:
                    break
                time.sleep(0.005)
            os.killpg(self.pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except (ChildProcessError, ProcessLookupError):
            return 0


class Connection:
    """What is asked over a link, in the worker of its node.

    link
        A started ssh.
    stop
        A pipe's end; when the other end is closed, the node is to stop.
    on_progress
        Called with what the node says of each state as it begins.
    """

    def __init__(self, link: Link, stop: int, on_progress: Callable[[Any], None]) -> None:
        self.link, self.stop, self.on_progress = link, stop, on_progress
        self._frames = Frames()
        self._waiting: list[tuple[str, Any]] = []
        self._said = bytearray()
        self._open = {link.stdout, link.stderr}
        self._wrong = False
        self.grains: dict[str, Any] = {}
        os.set_blocking(link.stdin, False)

    def begin(self, thin: Thin) -> None:
        """See the runner started.

        thin
            Sent if the node does not have it.
        """
        if self._expect("h").get("missing"):
            self._send(frame("P", thin.data))
        grains = self._expect("g").get("grains")
        self.grains = grains if isinstance(grains, dict) else {}

    def password(self, secret: str, first: bytes) -> None:
        """Give sudo its password, once the machine has said that it is the confirmed one, then the first frame.

        Raises Lost for a wrong one: it is given once, since nodes shut out who tries too often.
        """
        self._expect("S")
        self._send(secret.encode() + b"\n")
        self._wrong = True
        self._expect("u")
        self._wrong = False
        self._send(first)

    def call(self, function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Run a function on the node; return its answer, whatever it is."""
        self._send(frame("C", {"function": function, "args": list(args), "kwargs": dict(kwargs)}))
        return self._expect("r")

    def states(self, files: bytes, body: Mapping[str, Any]) -> dict[str, Any]:
        """Run states on the node; return its answer."""
        self._send(frame("F", files) + frame("S", dict(body)))
        return self._expect("r")

    def close(self) -> None:
        """Let the runner end, which takes away what it had there; not for longer than a moment."""
        if self.stop >= 0:
            os.close(self.link.stdin)
            self.stop = -1
        until = time.monotonic() + LINGER_SECONDS
        with suppress(Lost, TooMuch):
            while time.monotonic() < until:
                self._pump(b"", until - time.monotonic())

    def _expect(self, kind: str) -> dict[str, Any]:
        """Return the data of the next frame of a kind.

        Raises Refused for a refusal, Lost if the connection ends first, TooMuch for a flood.
        """
        while True:
            while not self._waiting:
                self._pump(b"")
            got, data = self._waiting.pop(0)
            if got == kind and isinstance(data, dict):
                return data
            if got == "p":
                self.on_progress(data)
            elif got in ("b", "f", "x"):
                raise Refused(got, data)

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._pump(view) :]

    def _pump(self, data: memoryview | bytes, patience: float | None = None) -> int:
        """Write and read what can be; return the number of bytes written."""
        writing = [self.link.stdin] if data and self.stop >= 0 else []
        listening = [*self._open] + ([self.stop] if self.stop >= 0 else [])
        # Once its frames have ended, something that states left running may still hold its standard error.
        if self.link.stdout not in self._open:
            patience = LINGER_SECONDS
        ready, writable, _ = select.select(listening, writing, [], patience)
        if patience and not ready:
            self._open.clear()
        if self.stop in ready:
            # The node stops between two states, and says where: that is still read.
            os.close(self.link.stdin)
            self.stop = -1
            return len(data)
        for fd in self._open.intersection(ready):
            part = os.read(fd, 1 << 16)
            if not part:
                self._open.discard(fd)
            elif fd == self.link.stderr:
                self._said += part
                if len(self._said) > 2 * MAX_SAID:  # its beginning, where ssh speaks, and its end, which says why
                    del self._said[MAX_SAID:-MAX_SAID]
            else:
                self._waiting += self._frames.feed(part)
        if self._wrong and self._said.count(PROMPT.encode()) > 1:
            raise Lost("sudo: incorrect password")
        if not self._open and not self._waiting:
            raise Lost(self._said.replace(PROMPT.encode(), b"").decode("utf-8", "replace"))
        if writable:
            with suppress(BrokenPipeError):
                return os.write(self.link.stdin, data)
            return len(data)
        return 0

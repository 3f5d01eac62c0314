"""One connection to one node: the system's ssh, and frames in both directions that nobody waits for."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mip_salt.federation.folder import Folder
from mip_salt.federation.ssh_options import destination, ssh_arguments, ssh_environment
from mip_salt.remote.bootstrap import PROMPT, remote_command
from mip_salt.remote.frames import Frames
from mip_salt.remote.processes import die_with_parent
from mip_salt.ssh.tried import no_ssh
from mip_salt.vault import masters

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

MAX_SAID = 64 * 1024
MAX_READ = 1 << 18
LINGER_SECONDS = 2.0


class Lost(Exception):
    """A connection ended before its work; it carries what ssh and the node said."""

    def __init__(self, said: str) -> None:
        super().__init__("the connection ended")
        self.said = said


class Connection:
    """A started ssh to a node, with its roster's options; it ends with this process.

    selector
        Told of the pipes to watch; their data is the connection.
    grains
        What the node said of itself, once it has.
    outdated
        Whether states changed that node since.
    password
        Whether sudo on the node is to take a password from us.

    Raises Damaged if there is no ssh on this machine.
    """

    def __init__(
        self,
        folder: Folder,
        federation: Federation,
        name: str,
        selector: selectors.BaseSelector,
        *,
        password: bool = False,
    ) -> None:
        self.name, self._selector = name, selector
        self.grains: dict[str, Any] | None = None
        self.outdated = False
        self._frames = Frames()
        self._said = bytearray()
        self._out: list[memoryview] = []
        self._until = 0.0
        self._waits_for_sudo = self._told = False
        self._pid, self._stdin, self._stdout, self._stderr = _start(folder, federation, name, password=password)
        self._open = {self._stdout, self._stderr}
        for fd in (self._stdin, *self._open):
            os.set_blocking(fd, False)
        for fd in self._open:
            selector.register(fd, selectors.EVENT_READ, self)

    def send(self, data: bytes) -> None:
        """Send data, as fast as the node takes it."""
        if self._stdin >= 0:
            self._out.append(memoryview(data))
            self._write()

    def give_sudo(self, secret: str) -> None:
        """Answer sudo's question: once, since nodes shut out who tries too often."""
        self.send(secret.encode() + b"\n")
        self._waits_for_sudo = True

    def became_root(self) -> None:
        """Take note that sudo took the answer."""
        self._waits_for_sudo = False

    def pump(self, fd: int) -> Iterator[tuple[str, Any]]:
        """Write or read what can be, as the selector said; yield the frames that are whole now.

        Raises Lost, once, when the connection has ended, TooMuch for a flood.
        """
        if fd == self._stdin >= 0:
            self._write()
        if fd in self._open:
            yield from self._read(fd)
        # Once its frames have ended, something that states left running may still hold its standard error.
        if not self._told and (not self._open or 0 < self._until <= time.monotonic()):
            self._told = True
            raise Lost(self._said.replace(PROMPT.encode(), b"").decode("utf-8", "replace"))

    def _read(self, fd: int) -> Iterator[tuple[str, Any]]:
        try:
            part = os.read(fd, MAX_READ)
        except BlockingIOError:
            return
        if not part:
            self._shut(fd)
        elif fd == self._stdout:
            yield from self._frames.feed(part)
        else:
            self._said += part
            if len(self._said) > 2 * MAX_SAID:  # its beginning, where ssh speaks, and its end, which says why
                del self._said[MAX_SAID:-MAX_SAID]
            if self._waits_for_sudo and self._said.count(PROMPT.encode()) > 1:
                raise Lost("sudo: incorrect password")

    @property
    def has_ended(self) -> bool:
        """Say whether nothing more comes of it."""
        return self._stdout not in self._open

    @property
    def is_closed(self) -> bool:
        """Say whether its runner was told to end."""
        return self._stdin < 0

    def close(self) -> None:
        """Let the runner end: it stops between two states, says where, and takes away what it had there."""
        self._out.clear()
        if self._stdin >= 0:
            self._watch_stdin(wanted=False)
            os.close(self._stdin)
            self._stdin = -1

    def end(self, patience: float = 0.0) -> int:
        """End ssh and whatever it started, a bastion's ssh among them; return its exit code, 0 if that is not known.

        patience
            Seconds it is given to end by itself.
        """
        self.close()
        for fd in list(self._open):
            self._shut(fd)
        until = time.monotonic() + patience
        try:
            while True:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    return os.waitstatus_to_exitcode(status)
                if time.monotonic() >= until:
                    break
                time.sleep(0.005)
            os.killpg(self._pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except (ChildProcessError, ProcessLookupError):
            return 0

    def _write(self) -> None:
        with suppress(BlockingIOError):
            while self._out:
                try:
                    sent = os.write(self._stdin, self._out[0])
                except BrokenPipeError:
                    self._out.clear()  # why, its other pipes tell
                    break
                self._out[0] = self._out[0][sent:]
                if not self._out[0]:
                    del self._out[0]
        self._watch_stdin(wanted=bool(self._out))

    def _watch_stdin(self, *, wanted: bool) -> None:
        watched = self._stdin in self._selector.get_map()
        if wanted and not watched:
            self._selector.register(self._stdin, selectors.EVENT_WRITE, self)
        elif watched and not wanted:
            self._selector.unregister(self._stdin)

    def _shut(self, fd: int) -> None:
        self._selector.unregister(fd)
        self._open.discard(fd)
        os.close(fd)
        if fd == self._stdout:
            self._until = time.monotonic() + LINGER_SECONDS


def _start(folder: Folder, federation: Federation, name: str, *, password: bool) -> tuple[int, int, int, int]:
    """Return the pid of a new ssh, and our ends of its pipes."""
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
            env=ssh_environment(),
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),
        )
    except FileNotFoundError:
        for fd in (to, out, err):
            os.close(fd)
        raise no_ssh(name) from None
    finally:
        for fd in (stdin, stdout, stderr):
            os.close(fd)
    process.returncode = 0  # the connection waits for it
    return process.pid, to, out, err

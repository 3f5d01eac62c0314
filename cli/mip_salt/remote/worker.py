"""One piece of work in a process of its own: bounded in memory and answer, and killable with all it started."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from mip_salt.interrupts import SIGNALS, held_back
from mip_salt.remote.processes import adopt_orphans, die_with_parent, end_children, end_tree

MAX_ANSWER = 16 << 20
MAX_MEMORY = 2 << 30  # address space; salt alone maps 0.3 GiB (measured, 3008.3)
MAX_FILE = 256 << 20
HEADER = 8
ENDING_SECONDS = 1.0
ASKS, ANSWER, PACKED, TELLS = 0, 1, 2, 3  # the first byte of a header; the others are the length


class Silent(Exception):
    """The worker ended without a usable answer."""


@dataclass(frozen=True)
class Desk:
    """What a job has of its parent: the ends of two pipes."""

    to: int
    of: int

    def ask(self, question: Any) -> Any:
        """Ask the parent something, as JSON both ways, and wait for what it says."""
        _send(self.to, ASKS, question)
        length = int.from_bytes(_take(self.of, HEADER), "big")
        return json.loads(_take(self.of, length))

    def tell(self, what: Any) -> None:
        """Tell the parent something, as JSON, and go on."""
        _send(self.to, TELLS, what)


class Worker:
    """A forked process that does one job and sends one answer back: bytes as they are, all else as JSON.

    job
        What to do there; its return value is the answer.
    tmp, log
        Folder for the job's temporary files, and the file its warnings go to.
    """

    def __init__(self, job: Callable[[Desk], Any], *, tmp: Path, log: Path) -> None:
        self.asked: list[Any] = []
        self.told: list[Any] = []
        self._got = bytearray()
        self._answer: tuple[int, bytes] | None = None
        self._until, self._gone = 0.0, False
        self.fd, send = os.pipe()
        hear, self._say = os.pipe()
        parent = os.getpid()
        with held_back():  # what a signal raised in the fork would run on into its parent's code
            self.pid = os.fork()
            if self.pid == 0:
                _work(job, Desk(send, hear), parent, tmp, log)
        os.close(send)
        os.close(hear)
        os.set_blocking(self.fd, False)

    def fileno(self) -> int:
        """Return the pipe's end, for a selector."""
        return self.fd

    def wait(self, seconds: float) -> bool:
        """Take what comes within some seconds; return whether the answer, or the end, is there."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        with contextlib.suppress(BlockingIOError):
            part = os.read(self.fd, 1 << 20)
            self._got += part
            if not part:
                return True
        self._read()
        return self._answer is not None

    def _read(self) -> None:
        """Take the messages that are whole."""
        while self._answer is None and len(self._got) >= HEADER:
            length = int.from_bytes(self._got[1:HEADER], "big")
            if len(self._got) - HEADER < length:
                return
            kind, body = self._got[0], bytes(self._got[HEADER : HEADER + length])
            del self._got[: HEADER + length]
            if kind == ASKS:
                self.asked.append(json.loads(body))
            elif kind == TELLS:
                self.told.append(json.loads(body))
            else:
                self._answer = kind, body

    def answer(self) -> Any:
        """Return the answer.

        Raises Silent, with the reason, if there is none that can be used.
        """
        if not self._answer:
            raise Silent("its worker ended without an answer")
        kind, body = self._answer
        if kind == PACKED:
            return body
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Silent("its answer is nested too deep") from None

    def tell(self, answer: Any) -> None:
        """Answer what the job asked; it waits for that."""
        data = json.dumps(answer).encode()
        with contextlib.suppress(BrokenPipeError):
            _write(self._say, len(data).to_bytes(HEADER, "big") + data)

    def close(self) -> None:
        """Let the worker go: one that has answered ends by itself what it started, and then itself."""
        if self.fd >= 0:
            os.close(self._say)
            os.close(self.fd)
            self.fd = -1
            self._until = time.monotonic() + (ENDING_SECONDS if self._answer else 0)

    def is_gone(self) -> bool:
        """Say whether one that was closed has ended; one that takes too long is ended now, and everything below it."""
        try:
            if not self._gone and not os.waitpid(self.pid, os.WNOHANG)[0]:
                if time.monotonic() < self._until:
                    return False
                end_tree(self.pid)
                os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass
        self._gone = True
        return True

    def end(self) -> None:
        """End the worker and everything below it; wait for it."""
        self.close()
        while not self.is_gone():
            time.sleep(0.001)


def _work(job: Callable[[Desk], Any], desk: Desk, parent: int, tmp: Path, log: Path) -> None:
    """Do the job in the forked process; never return from it."""
    code = 1
    try:
        _settle(parent, {desk.to, desk.of}, tmp, log)
        _send(desk.to, ANSWER, job(desk))
        code = 0
    except MemoryError:
        _send(desk.to, ANSWER, {"silent": "its answer was too large for the memory set aside for it"})
    except BaseException as err:  # noqa: BLE001 - a fork must never run on into its parent's code
        # Where, but not what it says: a message may quote a line of the pillar.
        where = "".join(traceback.format_tb(err.__traceback__))
        logging.getLogger(__name__).error("worker: %s\n%s", type(err).__name__, where)
        with contextlib.suppress(BaseException):
            _send(desk.to, ANSWER, {"silent": f"its worker failed ({type(err).__name__})"})
    finally:
        with contextlib.suppress(BaseException):
            end_children()
        os._exit(code)


def _send(to: int, kind: int, message: Any) -> None:
    try:
        data = message if isinstance(message, bytes) else json.dumps(message, default=str).encode()
    except (ValueError, RecursionError):
        data = b'{"silent": "its answer is nested too deep"}'
    if isinstance(message, bytes):
        kind = PACKED
    elif len(data) > MAX_ANSWER:
        data = json.dumps({"silent": f"it answered with more than {MAX_ANSWER >> 20} MiB"}).encode()
    _write(to, bytes([kind]) + len(data).to_bytes(HEADER - 1, "big") + data)


def _write(to: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(to, view) :]


def _take(of: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = os.read(of, min(size - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _settle(parent: int, keep: set[int], tmp: Path, log: Path) -> None:
    """Cut the fork loose from the operator's terminal and from its parent's files, and bound it."""
    os.setsid()
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd > 2 and fd not in keep:
            with contextlib.suppress(OSError):
                os.close(fd)
    adopt_orphans()
    for signum in (signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _die)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    die_with_parent(parent)
    gc.disable()  # it is over before there is much to collect
    os.umask(0o077)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    # The parent's buffers may hold text of its own, and their locks may be held.
    sys.stdin, sys.stdout, sys.stderr = (open(os.devnull, mode) for mode in ("r", "w", "w"))  # noqa: PTH123, SIM115
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    # A node's shell may speak the operator's language; what it refuses is read in English.
    os.environ.update(TMPDIR=str(tmp), LC_ALL="C.UTF-8", LANGUAGE="", SSH_ASKPASS_REQUIRE="never")
    tempfile.tempdir = None
    for limit, most in (
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_FSIZE, MAX_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _die(signum: int, frame: FrameType | None) -> None:
    end_children()
    os._exit(128 + signum)

"""One piece of work in a process of its own: bounded in time, memory and answer, and killable with all it started."""

from __future__ import annotations

import contextlib
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from mip_salt.remote.processes import adopt_orphans, die_with_parent, end_tree

MAX_ANSWER = 16 << 20
MAX_MEMORY = 2 << 30  # address space; salt alone maps 0.3 GiB (measured, 3008.3)
MAX_FILE = 256 << 20
HEADER = 8
NEWS, ANSWER = 0, 1  # the first byte of a header; the others are the length


class Silent(Exception):
    """The worker ended without a usable answer."""


@dataclass(frozen=True)
class Desk:
    """What a job has of its parent.

    stop
        A pipe's end that reads as ended when the parent asks the job to stop, or is gone.
    """

    send: int
    stop: int

    def tell(self, news: Any) -> None:
        """Tell the parent something on the way; it must be JSON."""
        _send(self.send, NEWS, news)


class Worker:
    """A forked process that does one job and sends one JSON answer back.

    job
        What to do there; its return value is the answer.
    deadline
        Seconds until ``overdue`` says so.
    tmp, log
        Folder for the job's temporary files, and the file its warnings go to.
    keep
        Open files that the job needs; all others are closed there, since a pipe ends only when nobody holds it.
    """

    def __init__(
        self, job: Callable[[Desk], Any], *, deadline: float, tmp: Path, log: Path, keep: Sequence[int] = ()
    ) -> None:
        self.started = time.monotonic()
        self.until = self.started + deadline
        self.news: list[Any] = []
        self._got = bytearray()
        self._answer: bytes | None = None
        self.fd, send = os.pipe()
        stop, self._stop = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _work(job, Desk(send, stop), {*keep, send, stop}, parent, tmp, log)
        os.close(send)
        os.close(stop)
        os.set_blocking(self.fd, False)

    def fileno(self) -> int:
        """Return the pipe's end, for a selector."""
        return self.fd

    @property
    def seconds(self) -> float:
        """Return the age of the worker."""
        return time.monotonic() - self.started

    @property
    def overdue(self) -> bool:
        """Say whether its deadline is over."""
        return time.monotonic() >= self.until

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
            length = min(int.from_bytes(self._got[1:HEADER], "big"), MAX_ANSWER)
            if len(self._got) - HEADER < length:
                return
            kind, body = self._got[0], bytes(self._got[HEADER : HEADER + length])
            del self._got[: HEADER + length]
            if kind == ANSWER:
                self._answer = body
            else:
                self.news.append(json.loads(body))

    def answer(self) -> Any:
        """Return the answer.

        Raises Silent, with the reason, if there is none that can be used.
        """
        if not self._answer:
            raise Silent("its worker ended without an answer")
        try:
            return json.loads(self._answer)
        except (ValueError, RecursionError):
            raise Silent("its answer is nested too deep") from None

    def stop(self) -> None:
        """Ask the job to stop by itself."""
        if self._stop >= 0:
            os.close(self._stop)
            self._stop = -1

    def end(self) -> None:
        """End the worker and everything below it; wait for it."""
        if self.fd < 0:
            return
        self.stop()
        os.close(self.fd)
        self.fd = -1
        end_tree(self.pid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _work(job: Callable[[Desk], Any], desk: Desk, keep: set[int], parent: int, tmp: Path, log: Path) -> None:
    """Do the job in the forked process; never return from it."""
    code = 1
    try:
        _settle(parent, keep, tmp, log)
        _send(desk.send, ANSWER, job(desk))
        code = 0
    except MemoryError:
        _send(desk.send, ANSWER, {"silent": "its answer was too large for the memory set aside for it"})
    except BaseException as err:  # noqa: BLE001 - a fork must never run on into its parent's code
        # Where, but not what it says: a message may quote a line of the pillar.
        where = "".join(traceback.format_tb(err.__traceback__))
        logging.getLogger(__name__).error("worker: %s\n%s", type(err).__name__, where)
        with contextlib.suppress(BaseException):
            _send(desk.send, ANSWER, {"silent": f"its worker failed ({type(err).__name__})"})
    finally:
        with contextlib.suppress(BaseException):
            end_tree(os.getpid(), itself=False)
        os._exit(code)


def _send(send: int, kind: int, message: Any) -> None:
    try:
        data = json.dumps(message, default=str).encode()
    except (ValueError, RecursionError):
        data = b'{"silent": "its answer is nested too deep"}'
    if len(data) > MAX_ANSWER:
        data = json.dumps({"silent": f"it answered with more than {MAX_ANSWER >> 20} MiB"}).encode()
    view = memoryview(bytes([kind]) + len(data).to_bytes(HEADER - 1, "big") + data)
    while view:
        view = view[os.write(send, view) :]


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
    die_with_parent(parent)
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
    end_tree(os.getpid(), itself=False)
    os._exit(128 + signum)

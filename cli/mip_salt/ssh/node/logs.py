"""
Read the log of one component of a node, and go on as it grows: the program that `mip-salt logs` runs on every node.

Python 3.8 and its standard library; sent over ssh with engine.py, run as root from memory, never on a disk. A
container's log is asked of the engine through its socket; the engine's own is in the journal. It holds one record at a
time, however long the log, and ends when the connection does, or when nobody has said for minutes that it is wanted.
"""

from __future__ import annotations

import calendar
import http.client
import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from functools import partial
from typing import Any, Iterator

from mip_salt.ssh.node.engine import PIECE, Refused, Silent, ask, frames, get, lines

MARK = b"MIPL "
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
# Seconds: until the pusher must have said that it is still there, and between two looks for a container.
HEARD, LOOK = 300.0, 1.0
# Records that may come while one connection to the engine follows another.
MISSED = 10000
STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\Z")
SWARM, COMPOSE = "com.docker.swarm.service.name", "com.docker.compose."
children: list[subprocess.Popen[bytes]] = []


class Containers:
    """The containers of one service: the newest is the one that runs, those before it ran earlier."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        # By container: the last stamp, and how many records bore it.
        self.last: dict[str, tuple[bytes, int]] = {}
        self.started: dict[str, str] = {}

    def ids(self) -> list[str]:
        """Return the ids of its containers, the oldest first."""
        rows = ask("/containers/json", all=1, filters=json.dumps({"label": [self.order["label"]]}))
        ours = [row for row in rows if self._ours(row["Labels"])]
        return [row["Id"] for row in sorted(ours, key=lambda row: (row["Created"], row["Id"]))]

    def _ours(self, labels: dict[str, str]) -> bool:
        if "project" in self.order:
            return labels.get(f"{COMPOSE}project") == self.order["project"] and labels.get(f"{COMPOSE}oneoff") != "True"
        return ("_" + labels.get(SWARM, "")).endswith("_" + self.order["service"])

    def history(self) -> bool:
        """Tell the last records of all its containers, the oldest first; return whether there is one."""
        ids, tails, left = self.ids(), {}, self.order["limit"]
        for one in reversed(ids if left else ids[-1:]):
            tails[one] = left
            if one != ids[0]:  # how many are left for those before it
                left -= sum(1 for _ in self._read(one, tail=left))
            if left <= 0:
                break
        for one in ids:
            if one in tails:
                for stream, stamp, text in self._read(one, tail=tails[one]):
                    self._tell(one, stream, stamp, text)
        return bool(ids)

    def follow(self) -> None:
        """Tell the records that come, of whatever container is the newest, and what becomes of it, for ever."""
        told: tuple[str, ...] = ()
        while True:
            try:
                note = self._grow()
            except Silent:
                note = ("silent",)
            except Refused as err:
                note = ("refused", str(err))
            if note and note != told:
                tell_note(*note[:2])
                told = note
            flush()
            time.sleep(LOOK)

    def _grow(self) -> tuple[str, ...]:
        """Tell what the newest container says from here on, until it ends; return a note: word, more, and of what."""
        ids = self.ids()
        if not ids:
            return ("none",)
        one = ids[-1]
        stamp, count = self.last.get(one, (b"", 0))
        # From its end: asked for a time alone, the engine first reads all of a log up to it (measured).
        since = {"since": seconds_of(stamp), "tail": max(self.order["limit"], MISSED)} if stamp else {}
        for stream, now, text in self._read(one, follow=1, **since):
            if now == stamp and count:  # it was told before
                count -= 1
                continue
            count = 0
            self._tell(one, stream, now, text)
            flush()
        try:
            found = ask(f"/containers/{one}/json")["State"]
        except Refused:
            return ("gone", "", one)
        if found["Status"] == "created":  # it is not begun yet
            return ()
        if not found["Running"]:
            return ("ended", str(found["ExitCode"]), one, found["StartedAt"])
        fresh = self.started.get(one) not in (None, found["StartedAt"])
        self.started[one] = found["StartedAt"]
        return ("again", "", one, found["StartedAt"]) if fresh else ()

    def _tell(self, one: str, stream: bytes, stamp: bytes, text: bytes) -> None:
        before, count = self.last.get(one, (b"", 0))
        self.last[one] = (stamp, count + 1 if stamp == before else 1)
        tell(stream, stamp, text)

    def _read(self, one: str, **query: Any) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Yield stream, stamp and text of one container's records."""
        if self.order["since"] is not None and "since" not in query:
            query["since"] = f"{self.order['since']:.3f}"
        about = ask(f"/containers/{one}/json")
        self.started.setdefault(one, about["State"]["StartedAt"])
        try:
            with get(f"/containers/{one}/logs", stdout=1, stderr=1, timestamps=1, **query) as answer:
                for stream, record in lines(answer) if about["Config"]["Tty"] else frames(answer):
                    stamp, _, text = record.partition(b" ")
                    if STAMP.match(stamp):
                        yield stream, stamp, text
        except (OSError, http.client.HTTPException) as err:
            raise Silent(str(err)) from err


class Journal:
    """What the engine's own unit says."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.cursor = order, ""
        self.call = ["journalctl", "--quiet", "--no-pager", "--output=json", "--unit", order["unit"]]

    def history(self) -> bool:
        """Tell the last records."""
        since = self.order["since"]
        self._read(
            f"--lines={self.order['limit']}",
            *([f"--since=@{since:.0f}"] if since is not None else []),
        )
        return True

    def follow(self) -> None:
        """Tell the records that come, for ever."""
        while True:
            self._read("--follow", *([f"--after-cursor={self.cursor}"] if self.cursor else ["--lines=0"]), live=True)
            time.sleep(LOOK)

    def _read(self, *words: str, live: bool = False) -> None:
        with subprocess.Popen(
            [*self.call, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENV
        ) as process:
            children[:] = [process]
            if process.stdout is None:
                return
            for line in iter(partial(process.stdout.readline, 1 << 20), b""):
                try:
                    row = json.loads(line)
                    micros, text = int(row["__REALTIME_TIMESTAMP"]), row.get("MESSAGE") or ""
                    said = bytes(text) if isinstance(text, list) else str(text).encode("utf-8", "replace")
                    self.cursor = str(row["__CURSOR"])
                except (ValueError, KeyError, TypeError):
                    continue  # a piece of one that is too long
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1000000))
                tell(b"o", f"{stamp}.{micros % 1000000:06}000Z".encode(), said)
                if live:
                    flush()
        children.clear()


def seconds_of(stamp: bytes) -> str:
    """Return an engine's stamp as it wants it back: seconds since 1970, and nanoseconds."""
    text = stamp.decode()
    return f"{calendar.timegm(time.strptime(text[:19], '%Y-%m-%dT%H:%M:%S'))}.{text[20:29]}"


def tell(kind: bytes, stamp: bytes = b"", text: bytes = b"") -> None:
    """Say one record, on one line."""
    line = text[:PIECE].rstrip(b"\r\n").replace(b"\n", b" ")
    sys.stdout.buffer.write(MARK + kind + b" " + stamp + b" " + line + b"\n")


def tell_note(word: str, more: str = "") -> None:
    """Say what became of the container."""
    tell(b"n", word.encode(), more.encode("utf-8", "replace"))


def flush() -> None:
    """Send what was said."""
    sys.stdout.buffer.flush()


def end_with_the_pusher() -> None:
    """End all of this once the connection has ended, or nobody wants it any more."""
    while select.select([0], [], [], HEARD)[0] and os.read(0, 4096):
        pass
    end()


def end() -> None:
    """End this program, and whatever it started."""
    for child in children:
        child.kill()
    os._exit(0)


def main(order: dict[str, Any]) -> None:
    """Tell the log.

    order
        ``limit`` records at most, not older than ``since`` (seconds since 1970, or so many ago if below zero), and
        whether to ``follow``. What: a ``label`` that containers have, and the ``service`` of a stack or the
        ``project`` of compose; or a ``unit`` of systemd's.
    """
    threading.Thread(target=end_with_the_pusher, daemon=True).start()
    if order["since"] is not None and order["since"] < 0:
        order["since"] += time.time()  # by this node's own clock
    if not order["limit"]:
        order["since"] = time.time()
    source = Journal(order) if "unit" in order else Containers(order)
    try:
        try:
            if not source.history() and not order["follow"]:
                tell_note("none")
        except (Silent, Refused) as err:
            if not order["follow"]:
                tell_note("silent" if isinstance(err, Silent) else "refused", str(err))
        tell(b"h")
        flush()
        if order["follow"]:
            source.follow()
    except BrokenPipeError:
        pass
    end()

"""The program that reads a log on a node, as it is sent, before an engine that says what a test has it say."""

from __future__ import annotations

import io
import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mip_salt.ssh.logs import Caught, Note, Record, Said, parse
from mip_salt.ssh.node import logs
from mip_salt.ssh.node.engine import PIECE, frames, lines

ORDER = {"label": "com.docker.swarm.service.name", "service": "exareme", "limit": 3, "since": None, "follow": False}


def frame(second: int, text: str, stream: int = 1) -> bytes:
    record = f"2026-11-28T03:00:{second:02}.000000000Z {text}".encode()
    return bytes([stream, 0, 0, 0]) + len(record).to_bytes(4, "big") + record


class Engine:
    """An engine with some containers: their name, when they were made, and their records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.containers: dict[str, tuple[str, int, list[bytes]]] = {}
        self.asked: list[dict[str, list[str]]] = []
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                way = urlsplit(self.path)
                said = engine.answer(way.path, parse_qs(way.query))
                self.send_response(200 if said is not None else 404)
                self.end_headers()
                self.wfile.write(said or b'{"message": "no such container"}')

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: Any) -> None:
                pass

        self.server = socketserver.ThreadingUnixStreamServer(str(path), Handler)

    def answer(self, path: str, query: dict[str, list[str]]) -> bytes | None:
        if path == "/containers/json":
            rows = self.containers.items()
            labels = "com.docker.swarm.service.name"
            found = [{"Id": one, "Created": made, "Labels": {labels: name}} for one, (name, made, _) in rows]
            return json.dumps(found).encode()
        one = path.split("/")[2]
        if one not in self.containers:
            return None
        if path.endswith("/json"):
            state = {"Running": False, "Status": "exited", "ExitCode": 7, "StartedAt": "then"}
            return json.dumps({"Config": {"Tty": False}, "State": state}).encode()
        self.asked.append(query)
        tail = query.get("tail", ["all"])[0]
        records = self.containers[one][2]
        return b"".join(records if tail == "all" else records[len(records) - min(int(tail), len(records)) :])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "docker.sock")
    thread = threading.Thread(target=engine.server.serve_forever, args=(0.01,))
    thread.start()
    yield engine
    engine.server.shutdown()
    thread.join()
    engine.server.server_close()


@pytest.fixture
def begin(engine: Engine) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    begun: list[subprocess.Popen[bytes]] = []

    def begin(**order: Any) -> subprocess.Popen[bytes]:
        words = f"engine.SOCKET = {str(engine.path)!r}; logs.LOOK = 0.01; logs.main({ {**ORDER, **order}!r})"
        call = [sys.executable, "-c", f"from mip_salt.ssh.node import engine, logs; {words}"]
        begun.append(subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            pipe.close()


def said(process: subprocess.Popen[bytes]) -> Iterator[Said]:
    assert process.stdout
    for line in process.stdout:
        yield parse(line.rstrip(b"\n").removeprefix(logs.MARK))


def texts(process: subprocess.Popen[bytes]) -> list[str]:
    return [one.text if isinstance(one, Record) else type(one).__name__ for one in said(process)]


def test_the_last_records_are_told_from_the_newest_container_back_the_oldest_first(
    engine: Engine, begin: Callable[..., subprocess.Popen[bytes]]
) -> None:
    engine.containers = {
        "new": ("brain-wk1_exareme", 20, [frame(3, "c"), frame(4, "d", stream=2)]),
        "old": ("brain-wk1_exareme", 10, [frame(1, "a"), frame(2, "b")]),
        "other": ("brain-wk1_exareme-master", 30, [frame(9, "no")]),
    }
    process = begin()
    assert texts(process) == ["b", "c", "d", "Caught"]
    assert process.wait() == 0


def test_where_there_is_no_container_or_no_engine_that_is_told(
    engine: Engine, begin: Callable[..., subprocess.Popen[bytes]]
) -> None:
    assert list(said(begin())) == [Note("none"), Caught()]
    engine.path.unlink()
    (note, _) = said(begin())
    assert isinstance(note, Note)
    assert note.word == "silent"


def test_a_followed_log_goes_on_behind_what_was_told_and_its_end_is_told_once(
    engine: Engine, begin: Callable[..., subprocess.Popen[bytes]]
) -> None:
    records = [frame(1, "a"), frame(2, "b"), frame(2, "c")]
    engine.containers["one"] = ("brain-wk1_exareme", 10, records)
    process = begin(follow=True, limit=2)
    told = said(process)
    assert [type(next(told)) for _ in range(3)] == [Record, Record, Caught]
    records += [frame(2, "d"), frame(3, "e")]
    # The engine is asked from the stamp of the last on: what bears it too was told, or was not.
    del records[0]
    found = [next(told) for _ in range(3)]
    assert [one.text for one in found if isinstance(one, Record)] == ["d", "e"]
    assert Note("ended", "7") in found
    engine.containers["two"] = ("brain-wk1_exareme", 20, [frame(9, "f")])
    following = next(told)
    assert isinstance(following, Record)
    assert following.text == "f"


def test_it_ends_with_its_pusher(begin: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = begin(follow=True)
    assert next(said(process)) == Caught()
    assert process.stdin
    process.stdin.close()
    assert process.wait(20) == 0


def test_what_is_too_long_is_cut_and_what_follows_it_is_whole() -> None:
    long = frame(1, "x" * 200_000)
    answer: Any = io.BytesIO(long + frame(2, "next"))
    (_, first), (_, second) = frames(answer)
    assert len(first) == PIECE + 64
    assert second.endswith(b" next")
    terminal: Any = io.BytesIO(b"2026 " + b"x" * 200_000 + b"\nnext\n")
    assert [len(line) for _, line in lines(terminal)] == [PIECE + 64, 5]


def test_an_answer_that_breaks_off_ends_the_record_before_it() -> None:
    answer: Any = io.BytesIO(frame(1, "whole") + frame(2, "half")[:6])
    assert [record.endswith(b" whole") for _, record in frames(answer)] == [True]


def test_a_stamp_is_given_back_to_the_engine_as_it_reads_it() -> None:
    assert logs.seconds_of(b"1970-01-02T00:00:01.000000009Z") == "86401.000000009"

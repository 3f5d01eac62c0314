"""What runs inside the lab's stand-in images: it answers as exareme and the web front end do, and computes nothing.

Each image says by STANDIN which part it plays. The keystore is a real Consul. exareme's part registers in it, reads the
names of its datasets, reaches the others over the federation's network, and ends when its master is gone, as exareme
does (read in exareme 24.5.1, bootstrap.sh). Runs on the image's own Python, with the standard library alone.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
DATA = Path("/root/exareme/data")
# exareme's own ports: its interface, and where a master checks a worker. A worker's liveness on 9093 is the stand-in's.
INTERFACE, CHECK, ALIVE = 9090, 9092, 9093
TRIES = 60


def ask(url: str, method: str = "GET", body: bytes | None = None, seconds: float = 5) -> str:
    """Return what a server answers; OSError if it does not."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, method=method), timeout=seconds) as answer:  # noqa: S310
        said: bytes = answer.read()
    return said.decode()


def serve(port: int, answer: Callable[[str], tuple[int, Any]]) -> None:
    """Answer on a port, in the background."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, data = answer(self.path)
            said = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing of each request."""

    threading.Thread(target=ThreadingHTTPServer(("", port), Handler).serve_forever, daemon=True).start()


def again(what: str, work: Callable[[], T]) -> T:
    """Try until it works; end after a minute or so."""
    for _ in range(TRIES):
        try:
            return work()
        except (OSError, ValueError, LookupError) as err:
            logging.info("%s: %s", what, err)
            time.sleep(1)
    raise SystemExit(f"{what}: given up")


def datasets(folder: Path) -> list[str]:
    """Return the datasets that a pathology's files name."""
    found: set[str] = set()
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as rows:
            found |= {row["dataset"] for row in csv.DictReader(rows) if row.get("dataset")}
    return sorted(found)


class Exareme:
    """exareme on one node."""

    def __init__(self) -> None:
        self.store = f"http://{os.environ['CONSULURL']}/v1"
        self.name, self.role = os.environ["NODE_NAME"], os.environ["FEDERATION_ROLE"]
        self.address = socket.gethostbyname(socket.gethostname())

    def run(self) -> None:
        """Register, answer, and watch the master."""
        again("keystore", self._passing)
        for folder in sorted(path for path in DATA.glob("*") if path.is_dir()):
            if names := datasets(folder):
                self._put(f"data/{self.name}/{folder.name}", json.dumps(names))
        if self.role == "master":
            serve(INTERFACE, self._interface)
            serve(CHECK, lambda path: (200, {"active_nodes": path.rpartition("NODE_NAME=")[2]}))
            self._put(f"master/{self.name}", self.address)
        else:
            master = again("master", self._master)
            serve(ALIVE, lambda _: (200, {"node": self.name}))
            query = f"NODE_IP={self.address}&NODE_NAME={self.name}"
            again("health", lambda: ask(f"http://{master}:{CHECK}/check/worker?{query}"))
        self._put(f"active_workers/{self.name}", self.address)
        logging.info("ready: %s, %s", self.name, self.role)
        while True:
            time.sleep(5)
            try:
                master = self._master()
                if self.role != "master":
                    ask(f"http://{master}:{INTERFACE}/")
            except (OSError, LookupError) as err:
                raise SystemExit(f"the master is not reachable: {err}") from err

    def _interface(self, path: str) -> tuple[int, Any]:
        if not path.startswith("/mining/query/HEALTH_CHECK"):
            return 200, {"node": self.name}
        active = [name for name in self._keys("active_workers") if self._alive(name)]
        # exareme joins the names to one text.
        return 200, {"active_nodes": ", ".join(active)}

    def _alive(self, name: str) -> bool:
        address = self._get(f"active_workers/{name}")
        try:
            ask(f"http://{address}:{INTERFACE if name == self.name else ALIVE}/", seconds=2)
        except OSError as err:
            logging.info("%s at %s: %s", name, address, err)
            return False
        return True

    def _passing(self) -> None:
        if "passing" not in {check["Status"] for check in json.loads(ask(f"{self.store}/health/state/passing"))}:
            raise LookupError("not passing yet")

    def _master(self) -> str:
        return self._get(f"master/{self._keys('master')[0]}")

    def _keys(self, prefix: str) -> list[str]:
        return [key.partition("/")[2] for key in json.loads(ask(f"{self.store}/kv/{prefix}/?keys"))]

    def _get(self, key: str) -> str:
        return ask(f"{self.store}/kv/{key}?raw").strip()

    def _put(self, key: str, text: str) -> None:
        ask(f"{self.store}/kv/{key}", "PUT", text.encode())


def keystore() -> None:
    """Be Consul."""
    words = ["-server", "-bootstrap-expect=1", "-data-dir=/tmp/consul", "-client=0.0.0.0", "-bind=127.0.0.1"]
    os.execvp("consul", ["consul", "agent", *words, "-log-level=warn"])  # noqa: S606


def web() -> None:
    """Answer on some ports; what knows a master says what that answers."""

    def answer(path: str) -> tuple[int, Any]:
        told: dict[str, Any] = {"stand-in": os.environ["STANDIN_NAME"], "path": path}
        if url := os.environ.get("EXAREME_URL"):
            try:
                told["exareme"] = json.loads(ask(f"{url}/mining/query/HEALTH_CHECK", "POST", b""))
            except OSError as err:
                return 502, {**told, "error": str(err)}
        return 200, told

    for port in os.environ["STANDIN_PORTS"].split():
        serve(int(port), answer)
    signal.pause()


def once() -> None:
    """End well at once."""


def main() -> None:
    """Play the part that the image says."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts: dict[str, Callable[[], None]] = {"keystore": keystore, "web": web, "once": once}
    parts.get(os.environ["STANDIN"], lambda: Exareme().run())()


if __name__ == "__main__":
    main()

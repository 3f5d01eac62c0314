"""An engine for the tests of a node in a folder: what answers at its socket, and the commands that start it.

A Docker engine of another version, or one that does not start, cannot be had here; the real ones are tested on the
lab's nodes (tests/integration/test_highstate.py).
"""

from __future__ import annotations

import json
import os
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

# It notes every call, refuses to start with a daemon.json that says broken, and tells what `show` is told to tell: of
# what was started, what it is told for then.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> {bin}/called
case $1 in
show) cat {bin}/units;;
restart|enable) [ ! -e {bin}/started ] || mv {bin}/started {bin}/units; ! grep -s broken {daemon_json} >&2;;
esac
"""
APT = """#!/bin/sh
echo "$0 $*" | sed 's:.*/::' >> {bin}/called
case $0 in *apt-cache) shift; for name; do cat {bin}/offers/$name 2>/dev/null; done;; esac
exit 0
"""
POLICY = "{name}:\n  Installed: (none)\n  Candidate: {version}\n  Version table:\n"


class Engine:
    """What stands for systemd, apt and Docker on the node that lies in a folder."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.socket = folder / "bin", folder / "var" / "run" / "docker.sock"
        self.daemon_json = folder / "etc" / "docker" / "daemon.json"
        self.restart_due = folder / "run" / "mip-salt-docker-restart"
        self._server: socketserver.BaseServer | None = None
        for place in (self.socket.parent, self.restart_due.parent, self.bin / "offers", self.daemon_json.parent):
            place.mkdir(parents=True, exist_ok=True)
        for name, text in {"systemctl": SYSTEMCTL, "apt-cache": APT, "apt-get": APT}.items():
            (self.bin / name).write_text(text.format(bin=self.bin, daemon_json=self.daemon_json))
            (self.bin / name).chmod(0o755)
        self.unit()

    def unit(self, load: str = "loaded", enabled: str = "enabled") -> None:
        """Let systemctl tell this of docker.service."""
        (self.bin / "units").write_text(f"LoadState={load}\nUnitFileState={enabled}\n")

    def offer(self, **versions: str) -> None:
        """Let apt offer packages; an underscore stands for a dot."""
        for name, version in versions.items():
            name = name.replace("_", ".")
            (self.bin / "offers" / name).write_text(POLICY.format(name=name, version=version))

    def install(self) -> None:
        """Put a dockerd there that is not running, and judges no file, as 20.10 does not."""
        (self.bin / "dockerd").write_text("#!/bin/sh\necho 'unknown flag: --validate' >&2; exit 125\n")
        (self.bin / "dockerd").chmod(0o755)

    def run(self, version: str, **more: object) -> None:
        """Let an engine of a version answer."""
        self.install()
        answer = json.dumps({"Version": version, "Components": [{"Name": "Engine"}], **more}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/version" else 404)
                self.end_headers()
                self.wfile.write(answer)

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: object) -> None:
                pass

        self._server = socketserver.ThreadingUnixStreamServer(str(self.socket), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def called(self) -> list[str]:
        """Return the calls of systemctl and apt that were made."""
        path = self.bin / "called"
        return path.read_text().splitlines() if path.exists() else []

    def close(self) -> None:
        """Take all of it away."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        for path in (self.socket, self.restart_due, *(self.bin / name for name in ("called", "dockerd", "started"))):
            path.unlink(missing_ok=True)
        for path in (self.bin / "offers").iterdir():
            path.unlink()
        for name in ("systemctl", "apt-cache", "apt-get"):
            (self.bin / name).unlink()


def path_with(engine: Engine) -> str:
    """Return a PATH on which the engine's commands come first."""
    return f"{engine.bin}{os.pathsep}{os.environ['PATH']}"

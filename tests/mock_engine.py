"""A mock of Docker's Engine API, and of `docker stack deploy`, as far as our modules use them; it runs no container.

The real engine is tested on the lab's nodes (tests/integration/test_swarm.py): this is for what cannot be had there at
will, such as another swarm, a dead node, or an engine that refuses.
"""

import json
import re
import socketserver
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

MANAGER, WORKER = "m" * 25, "w" * 25
TOKEN = "SWMTKN-1-" + "a" * 50 + "-" + "b" * 25
OURS = "10.0.0.11"
# It asks the mock, as docker asks the engine, and expands variables as docker does.
DOCKER = f"""#!{sys.executable}
import http.client, os, re, socket, sys, yaml
words, folder = sys.argv[1:], {{folder!r}}
open(folder + "/bin/called", "a").write("docker " + " ".join(words) + chr(10))
text = re.sub(r"[$][{{{{](\\w+)[}}}}]", lambda found: os.environ[found[1]], open(words[words.index("-c") + 1]).read())
told, more = yaml.safe_load(text), yaml.safe_load(sys.stdin)
for name, service in more["services"].items():
    told["services"][name].setdefault("deploy", {{{{}}}})["labels"] = service["deploy"]["labels"]
import json
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(folder + "/var/run/docker.sock")
connection.request("POST", "/mock/deploy/" + words[-1], json.dumps(told))
answer = connection.getresponse()
if answer.status != 200:
    sys.exit("failed to create: " + answer.read().decode())
"""


def node(hostname, name=WORKER, state="ready", availability="active", labels=None, role="worker", address="10.0.0.21"):
    """A node as the manager tells it."""
    return {
        "ID": name,
        "Version": {"Index": 1},
        "Description": {"Hostname": hostname},
        "Status": {"State": state, "Addr": address},
        "Spec": {"Role": role, "Availability": availability, "Labels": labels or {}},
    }


class MockEngine:
    """What answers at the socket of the node that lies in a folder."""

    def __init__(self, folder):
        self.folder, self.socket = Path(folder), Path(folder, "var", "run", "docker.sock")
        for place in (self.socket.parent, self.folder / "bin"):
            place.mkdir(parents=True, exist_ok=True)
        (self.folder / "bin" / "docker").write_text(DOCKER.format(folder=str(folder)))
        (self.folder / "bin" / "docker").chmod(0o755)
        self.swarm = {"LocalNodeState": "inactive"}
        self.nodes, self.networks, self.services, self.tasks = [], [], {}, []
        self.rotations, self.calls, self.refuse, self.pending, self.stumbles = 0, [], {}, False, 0
        # Whether tasks stay pending, and those of services that were removed.
        self.stuck, self.left = False, []
        # The containers that the node reaches, by id.
        self.bridged = {}
        self._server = socketserver.ThreadingUnixStreamServer(str(self.socket), self._handler())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        """Take all of it away."""
        self._server.shutdown()
        self._server.server_close()
        for path in (self.socket, self.folder / "bin" / "docker", self.folder / "bin" / "called"):
            path.unlink(missing_ok=True)

    @property
    def changing(self):
        """The calls that were more than questions."""
        return [(method, path) for method, path, _ in self.calls if method != "GET"]

    def managing(self, address=OURS):
        """Let it be the manager of a swarm, in which it is the only node."""
        self.swarm = {
            "LocalNodeState": "active",
            "NodeID": MANAGER,
            "NodeAddr": address,
            "ControlAvailable": True,
            "Cluster": {"ID": "c" * 25},
            "RemoteManagers": [{"NodeID": MANAGER, "Addr": f"{address}:2377"}],
        }
        self.nodes = [node("brain-ms", MANAGER, role="manager", address=address)]

    def working(self, manager=OURS, manager_id=MANAGER, address="10.0.0.21"):
        """Let it be a worker of a manager."""
        managers = [{"NodeID": manager_id, "Addr": f"{manager}:2377"}]
        self.swarm = {
            "LocalNodeState": "active",
            "NodeID": WORKER,
            "NodeAddr": address,
            "ControlAvailable": False,
            "RemoteManagers": managers,
        }

    def answer(self, method, path, query, body):
        """Return a status and data."""
        for pattern, (status, message) in self.refuse.items():
            if re.match(pattern, f"{method} {path}"):
                return status, {"message": message}
        word, _, rest = path.lstrip("/").partition("/")
        return getattr(self, f"_{word}")(method, rest, query, body)

    def _info(self, *_):
        return 200, {"Swarm": self.swarm}

    def _swarm(self, method, rest, query, body):
        if rest == "init":
            self.managing(body["AdvertiseAddr"])
        elif rest == "join":
            self.joined = body
            self.working(body["RemoteAddrs"][0].rpartition(":")[0], address=body["AdvertiseAddr"])
        elif rest == "leave":
            self.swarm = {"LocalNodeState": "inactive"}
        elif rest == "update":
            self.rotations += query.get("rotateWorkerToken") == ["true"]
        else:
            return 200, {"JoinTokens": {"Worker": TOKEN}, "Version": {"Index": 3}, "Spec": {"Name": "default"}}
        return 200, None

    def _nodes(self, method, rest, query, body):
        name, _, what = rest.partition("/")
        found = [one for one in self.nodes if one["ID"] == name]
        if method == "DELETE":
            if found[0]["Status"]["State"] != "down" and query.get("force") != ["true"]:
                return 400, {"message": "node is not down and can't be removed"}
            self.nodes.remove(found[0])
        elif what == "update":
            found[0]["Spec"] = body
        else:
            return 200, found[0] if name else self.nodes
        return 200, None

    def _networks(self, method, rest, query, body):
        if rest == "docker_gwbridge":
            return 200, {"Containers": self.bridged}
        if rest == "create":
            self.networks.append(body)
            return 201, {"Id": "n1"}
        return 200, [{"Id": f"id-{one['Name']}", **one} for one in self.networks]

    def _services(self, method, rest, query, body):
        name, _, what = rest.partition("/")
        name = next((key for key, one in self.services.items() if one["Spec"]["Name"] == name), name)
        if rest == "create":
            self.services["id-" + body["Name"]] = {"ID": "id-" + body["Name"], "Version": {"Index": 1}, "Spec": body}
            return 201, {"ID": "id-" + body["Name"]}
        if method == "DELETE":
            del self.services[name]
        elif what == "update":
            if self.stumbles:
                self.stumbles -= 1
                return 500, {"message": "rpc error: code = Unknown desc = update out of sequence"}
            self.services[name]["Spec"] = body
            self.pending = self.stuck
        elif name:
            return 200, self.services[name]
        elif not query:
            return 200, list(self.services.values())
        else:
            ((kind, (wanted,)),) = json.loads(query["filters"][0]).items()
            if kind == "name":
                return 200, [s for s in self.services.values() if s["Spec"]["Name"].startswith(wanted)]
            space = wanted.partition("=")[2]
            return 200, [s for s in self.services.values() if s["Spec"].get("Labels", {}).get(NAMESPACE) == space]
        return 200, None

    def _tasks(self, method, rest, query, body):
        ((kind, (service, *_)),) = json.loads(query["filters"][0]).items()
        if kind == "label":
            return 200, self.left
        if kind == "node":
            return 200, [{"Status": {"State": state}} for state in self.tasks]
        state = {"State": "pending", "Err": "no suitable node"} if self.pending else {"State": "running"}
        at = {} if self.pending else {"NodeID": WORKER}
        # One that is made anew is another task.
        count = self.services[service]["Spec"]["TaskTemplate"].get("ForceUpdate", 0) if service in self.services else 0
        one = {"ID": f"{service}-{count}", "ServiceID": service, "DesiredState": "running", "CreatedAt": "1"}
        return 200, [{**one, "Status": state, **at}]

    def _containers(self, method, rest, query, body):
        """Tell the containers that lie in a file, where a command can put others."""
        containers = json.loads((self.folder / "bin" / "containers").read_text())
        if method == "POST":
            return 204, None
        if rest == "json":
            # By what is asked for: the swarm's containers, or the others.
            swarms = "com.docker.swarm.service.name" in query.get("filters", [""])[0]
            found = [
                one for one in containers if ("com.docker.swarm.service.name" in one["Config"]["Labels"]) is swarms
            ]
            return 200, [
                {"Id": one["Id"], "Labels": one["Config"]["Labels"], "State": one["State"]["Status"]} for one in found
            ]
        return 200, next(one for one in containers if rest == f"{one['Id']}/json")

    def _mock(self, method, rest, query, body):
        """Deploy, as docker would have the engine do."""
        space = rest.partition("/")[2]
        for name, told in body["services"].items():
            full = f"{space}_{name}"
            spec = {
                "Name": full,
                "Labels": {**told["deploy"]["labels"], NAMESPACE: space},
                "TaskTemplate": {"ContainerSpec": {"Image": told["image"], "Env": told.get("environment", [])}},
                "Mode": {"Replicated": {"Replicas": 1}},
            }
            self.services[f"id-{full}"] = {"ID": f"id-{full}", "Version": {"Index": 1}, "Spec": spec}
        return 200, None

    def _handler(self):
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                url = urlsplit(self.path)
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(sent) if sent else None
                engine.calls.append((self.command, url.path, body))
                status, data = engine.answer(self.command, url.path, parse_qs(url.query), body)
                said = b"" if data is None else json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                with suppress(BrokenPipeError):  # who asked wants to know no more
                    self.wfile.write(said)

            do_POST = do_DELETE = do_GET  # noqa: N815

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        return Handler


NAMESPACE = "com.docker.stack.namespace"

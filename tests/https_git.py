"""A git server that speaks https, as GitHub does, and can be made to break off."""

import datetime
import os
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(folder):
    """Write a certificate for localhost and its key; return the file of both."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "l")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "localhost.pem"
    file.write_bytes(made.public_bytes(form[0]) + key.private_bytes(*form))
    return file


class Handler(BaseHTTPRequestHandler):
    """One request: git's own CGI answers it, up to as many bytes as the server lets through."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))
            return
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.answer(body)

    def answer(self, body):
        path, _, query = self.path.partition("?")
        told = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.server.config),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
        done = subprocess.run(["git", "http-backend"], env=told, input=body, stdout=subprocess.PIPE, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        rows = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(rows.pop("Status", "200").split()[0]))
        for name, value in rows.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.server.let_through(self, content)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """What lies under a folder, by https.

    left
        Bytes of packs that are still let through before every connection breaks; None for all.
    """

    daemon_threads = True

    def __init__(self, root, pem, config):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.config, self.left, self.sent = root, config, None, 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def let_through(self, handler, content):
        """Send it, or as much as may still be sent, and then nothing any more."""
        if handler.command == "POST":
            self.sent += len(content)
            if self.left is not None:
                content, whole = content[: self.left], len(content)
                self.left -= len(content)
                if len(content) < whole:
                    handler.wfile.write(content)
                    handler.connection.shutdown(socket.SHUT_RDWR)
                    handler.close_connection = True
                    return
        handler.wfile.write(content)

    def handle_error(self, request, client_address):
        """A client that hangs up, or trusts us not, is what is tested."""

    def url(self, repository):
        """The URL of a repository under the folder."""
        return f"https://localhost:{self.server_port}/{repository.path.relative_to(self.root)}"


@contextmanager
def served(root, pem):
    """Serve what lies under a folder for the while."""
    config = root / "server.config"
    config.write_text("[safe]\n\tdirectory = *\n[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n")
    with Server(root, pem, config) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

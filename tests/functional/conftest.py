"""Salt's own loaders over our modules and states, on a node whose files lie in a folder."""

import copy
import os
import pwd
import shutil
import socketserver
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from mip_salt.data import data_root
from mock_engine import MockEngine

MACHINE_ID = "104a81cbac7c46d7a67f2a2d8553ec55"


def node_opts(folder, file_roots, node="wk1"):
    """Return the options of a minion that lives in a folder and asks no master."""
    import salt.config

    opts = salt.config.minion_config(None)
    opts.update(
        id=node,
        root_dir=str(folder),
        cachedir=str(folder / "cache"),
        # Beside the cache, which saltfactories empties after it has synchronised the modules into it.
        extension_modules=str(folder / "extmods"),
        pki_dir=str(folder / "pki"),
        sock_dir=str(folder / "sock"),
        conf_file=str(folder / "minion"),
        log_file=str(folder / "log"),
        file_client="local",
        local=True,
        file_roots={"base": [str(root) for root in file_roots]},
        pillar_roots={"base": [str(folder / "pillar")]},
        enable_fqdns_grains=False,
        enable_gpu_grains=False,
    )
    return opts


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """A node in a folder: our execution modules with their ``/etc`` there, and loaders that know them.

    The execution modules are copies in which only paths differ, and their patience; the states are the shipped files.
    """
    from salt._logging import shutdown_temp_handler
    from saltfactories.utils.functional import Loaders

    shutdown_temp_handler()  # it keeps what Salt logs for a stderr that pytest has closed by then
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(data_root() / "states", folder / "states")
    modules = folder / "states" / "_modules"
    modules.mkdir()
    for source in (data_root() / "_modules").glob("mip_*.py"):
        text = source.read_text().replace('"/usr/sbin:', f'"{folder}/bin:').replace("RELEASE = 10", "RELEASE = 0.3")
        for place in ("/etc/", "/run/", "/var/run/", "/var/lib/", "/proc/net/", "/.dockerenv"):
            text = text.replace(f'"{place}', f'"{folder}{place}')
        (modules / source.name).write_text(text)
    # This machine need not have sudo; the real visudo judges on the lab's nodes (tests/integration).
    visudo = folder / "bin" / "visudo"
    visudo.parent.mkdir()
    visudo.write_text('#!/bin/sh\n! grep -s broken "$2" >&2\n')
    visudo.chmod(0o755)
    loaders = Loaders(node_opts(folder, [folder / "states"]))
    return SimpleNamespace(folder=folder, etc=folder / "etc", loaders=loaders, opts=node_opts)


@pytest.fixture
def node(loaded, monkeypatch):
    """The node as it is before anything was done to it, with a user mipadmin.

    An account of this machine cannot be had for a test, so getpwnam is told of one.
    """
    (loaded.etc / "sudoers.d").mkdir(parents=True)
    (loaded.etc / "sudoers").write_text("")
    (loaded.etc / "machine-id").write_text(f"{MACHINE_ID}\n")
    loaded.home = Path(tempfile.mkdtemp(prefix="mip-home-"))  # pytest's own folders are closed to other users
    loaded.keys = loaded.home / ".ssh" / "authorized_keys"
    loaded.rule = loaded.etc / "sudoers.d" / "mip-salt"
    uid, gid = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(loaded.home, uid, gid)
    account = pwd.struct_passwd(("mipadmin", "x", uid, gid, "", str(loaded.home), "/bin/sh"))
    known = pwd.getpwnam
    monkeypatch.setattr(pwd, "getpwnam", lambda name: account if name == "mipadmin" else known(name))
    yield loaded
    shutil.rmtree(loaded.home)
    shutil.rmtree(loaded.etc)
    for place in ("var/lib", "proc"):
        shutil.rmtree(loaded.folder / place, ignore_errors=True)


@pytest.fixture
def tree(loaded, tmp_path):
    """Salt's highstate over the shipped tree, and over the operator's own states before it."""
    import salt.state

    own = tmp_path / "states"
    own.mkdir()

    def highstate(given, node="wk1"):
        opts = loaded.opts(tmp_path, [own, loaded.folder / "states"], node=node)
        opts.update(extension_modules=str(loaded.folder / "extmods"), grains=copy.deepcopy(loaded.loaders.grains))
        return salt.state.HighState(opts, initial_pillar=given)

    highstate.own = own
    return highstate


@pytest.fixture
def no_web_server():
    """The URL of what answers as sshd does."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(4096)
            self.request.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def engine(node):
    """The manager of a swarm, on which nothing runs."""
    made = MockEngine(node.folder)
    made.managing()
    yield made
    made.close()

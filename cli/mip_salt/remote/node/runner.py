"""What runs on a node: Salt's own execution modules and states, asked and answered in frames.

Sent as data and started by the first program, as root. Python 3.8 and later, its standard library, and the Salt that
was sent along. Whoever sends these frames is the pusher that sshd let in; what it sends is not checked again here.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import io
import json
import os
import select
import shutil
import stat
import sys
import tarfile
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Send = Callable[[str, Any], None]
    Receive = Callable[[], tuple[str, bytes]]

PLACES = ("/run/mip-salt", "/dev/shm/mip-salt")  # the second may be anyone's: it is looked at
LOCK = "/run/mip-salt.lock"
KEEP_SECONDS = 30 * 86400  # a thin that nobody asked for in so long is removed
IDLE_SECONDS = 900  # a pusher that is silent for so long is gone, whatever TCP says


class Stopped(BaseException):
    """The pusher is gone, or wants no more."""


def serve(config: dict[str, Any], modules: bytes, send: Send, receive: Receive) -> None:
    """Answer the pusher's frames until it closes the connection; never return.

    config
        ``home``, ``thin`` (its folder in there), ``options`` that Salt is started with, ``who`` asks, and whether it
        will run states, which then nobody else may (``lock``).
    modules
        The archive of modules that are not Salt's own.
    """
    code, own = 1, ""
    try:
        own = _own_folder()
        if config["lock"]:
            _hold(config["who"], send)
        sys.path[:0] = [f"{config['home']}/{config['thin']}"]
        gc.set_threshold(50_000)  # imports make much and throw away little
        _unpack(modules, f"{own}/modules")
        _serve(config, own, send, receive)
        code = 0
    except Stopped as stopped:
        with contextlib.suppress(OSError):
            send("x", stopped.args[0] if stopped.args else {})
    except EOFError:
        code = 0
    except Exception as err:  # noqa: BLE001 - whatever it is, the pusher is to know
        import traceback

        traceback.print_exc()
        with contextlib.suppress(OSError):
            send("f", {"why": f"{type(err).__name__}: {err}"})
    finally:
        with contextlib.suppress(BaseException):
            shutil.rmtree(own, ignore_errors=True)
            _clean(config)
            sys.stderr.flush()
        os._exit(code)


# --- what lies on the node ---------------------------------------------------------------------------------------


def _own_folder() -> str:
    """Return a root-owned folder in memory for what may be secret; it goes when this process does, however it ends."""
    place = _memory()
    base = os.open(place, os.O_RDONLY)
    fcntl.flock(base, fcntl.LOCK_EX)
    try:
        for name in os.listdir(place):
            if name.startswith("run-"):
                _sweep(f"{place}/{name}")
        own = tempfile.mkdtemp(prefix="run-", dir=place)
        fcntl.flock(os.open(own, os.O_RDONLY), fcntl.LOCK_EX)
    finally:
        os.close(base)
    end, _mine = os.pipe()
    if os.fork() == 0:
        _guard(end, own)
    os.close(end)
    tempfile.tempdir = own + "/tmp"
    os.mkdir(tempfile.tempdir)
    return own


def _memory() -> str:
    """Return a folder of root's alone that lies in memory, where programs may run if there is such a place.

    Salt runs scripts from its temporary files, and Debian's /run may run none.
    """
    made = []
    for place in PLACES:
        with contextlib.suppress(OSError):
            os.makedirs(place, 0o700, exist_ok=True)
            found = os.lstat(place)
            if stat.S_ISDIR(found.st_mode) and not found.st_uid and not found.st_mode & 0o077:
                made.append(place)
                if not os.statvfs(place).f_flag & os.ST_NOEXEC:
                    return place
    if not made:
        raise OSError(f"{' and '.join(PLACES)} are not root's alone")
    return made[0]


def _sweep(folder: str) -> None:
    """Remove what a run left that was killed together with its guard."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(fd)


def _guard(end: int, own: str) -> None:
    """Become a shell that waits for the runner's end, however it ends, and then removes its folder; never return."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd, other in ((0, end), (1, null), (2, null)):
            os.dup2(other, fd)
        os.closerange(3, 256)
        os.chdir("/")
        os.execv("/bin/sh", ["sh", "-c", 'read end; rm -rf -- "$1"', "mip-salt-guard", own])
    finally:
        os._exit(1)


def _clean(config: dict[str, Any]) -> None:
    """Mark this run's thin as used, and remove those that nobody uses any more."""
    home, now = config["home"], time.time()
    for name in os.listdir(home):
        path = f"{home}/{name}"
        if name == config["thin"]:
            os.utime(path, (now, now))
        elif name != "var" and now - os.lstat(path).st_mtime > KEEP_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _hold(who: str, send: Send) -> None:
    """Hold the node for our runs of states until this process ends; if somebody else holds it, tell who, and end."""
    fd = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            holder = json.loads(os.pread(fd, 4096, 0))
            send("b", {"who": holder["who"], "seconds": time.time() - holder["since"]})
        except (ValueError, KeyError, TypeError):
            send("b", {})
        raise Stopped from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps({"who": who, "since": time.time()}).encode(), 0)


# --- Salt --------------------------------------------------------------------------------------------------------


def _serve(config: dict[str, Any], own: str, send: Send, receive: Receive) -> None:
    import salt.config
    import salt.loader

    with open(f"{own}/minion", "w", encoding="utf-8") as file:
        json.dump({**config["options"], "root_dir": f"{config['home']}/var"}, file)
    opts = salt.config.minion_config(f"{own}/minion")
    # Salt would look for it below its root.
    opts["extension_modules"] = f"{own}/modules"
    opts["file_client"] = "local"
    opts["__cli"] = "salt-call"
    os.makedirs(f"{opts['cachedir']}/proc", exist_ok=True)
    opts["grains"] = salt.loader.grains(opts)
    send("g", {"grains": opts["grains"]})
    files, held = b"", config["lock"]
    while select.select([0], [], [], IDLE_SECONDS)[0]:
        kind, body = receive()
        if kind == "F":
            files = body
        elif kind == "C":
            send("r", _call(opts, **json.loads(body)))
        elif kind == "S":
            if not held:
                _hold(config["who"], send)
                held = True
            send("r", _states(opts, own, files, send, **json.loads(body)))


def _unpack(archive: bytes, place: str) -> None:
    os.makedirs(place, exist_ok=True)
    if archive:
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(place)


def _call(opts: Any, function: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Run a function of an execution module."""
    import salt.loader
    import salt.utils.args
    import salt.utils.jid
    from salt.exceptions import CommandExecutionError, SaltInvocationError

    context: dict[str, Any] = {}
    utils = salt.loader.utils(opts, context=context)
    functions = salt.loader.minion_mods(opts, context=context, utils=utils)
    if function not in functions:
        return {"return": functions.missing_fun_string(function), "retcode": 1}
    known = salt.utils.args.get_function_argspec(functions[function])
    if known.keywords:
        # As salt-call does: by these a function knows that it was asked from a command line.
        kwargs = {**kwargs, "__pub_fun": function, "__pub_jid": salt.utils.jid.gen_jid(opts)}
    try:
        result = functions[function](*args, **kwargs)
    except (CommandExecutionError, SaltInvocationError) as err:
        return {"return": f"Error running '{function}': {err}", "retcode": 1}
    except Exception as err:  # noqa: BLE001 - a function of anyone's
        return {"return": f"{type(err).__name__}: {err}", "retcode": 1}
    return {"return": result, "retcode": context.get("retcode", 0)}


def _states(
    opts: Any, own: str, files: bytes, send: Send, chunks: list[Any], pillar: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Run compiled states, as Salt's own ``state.pkg`` does, and tell of each as it begins."""
    import salt.state
    import salt.utils.state

    class Told(salt.state.State):  # type: ignore[misc]
        """Salt's states, told of as they go, and stopped between two of them once the pusher is gone."""

        in_hand = ""

        def call(self, low: Any, chunks: Any = None, running: Any = None, retries: int = 1) -> Any:
            at = {"done": len(running or ()), "total": len(chunks or ())}
            if _gone():
                raise Stopped({**at, "state": self.in_hand})
            self.in_hand = f"{low['state']}.{low['fun']} {low['__id__']}"
            with contextlib.suppress(OSError):
                send("p", {**at, "state": self.in_hand})
            return super().call(low, chunks, running, retries)

    place = f"{own}/states"
    shutil.rmtree(place, ignore_errors=True)
    _unpack(files, place)
    options = salt.utils.state.get_sls_opts(opts, **more.get("kwargs", {}))
    options["grains"] = {**opts["grains"], **more.get("grains", {})}
    options["test"] = bool(more.get("test"))
    options["fileclient"] = "local"
    options["file_roots"] = {name: [f"{place}/{name}"] for name in os.listdir(place)}
    options["pillar"] = pillar
    try:
        states = Told(options, initial_pillar=pillar)
        ordered, errors = states.order_chunks(chunks)
        if errors:
            return {"return": errors, "retcode": 1}
        done = states.call_listen(ordered, states.call_chunks(ordered))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return {"return": done, "retcode": 0 if salt.utils.state.check_result(done) else 2}


def _gone() -> bool:
    """Say whether the pusher closed the connection: it sends nothing while states run."""
    return bool(select.select([0], [], [], 0)[0])

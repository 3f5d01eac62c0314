"""What runs on a node: Salt's own execution modules and states, asked and answered in frames.

Sent as data and started by the first program, as root. Python 3.8 and later, its standard library, and the Salt that
was sent along. Whoever sends these frames is the pusher that sshd let in; what it sends is not checked again here.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import os
import re
import select
import shutil
import sys
import tarfile
from typing import TYPE_CHECKING, Any

from mip_salt.remote.node.late import keep_filters, read_late
from mip_salt.remote.node.places import Stopped, clean, hold, own_folder
from mip_salt.remote.node.quicker import interfaces_once, make_quicker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Send = Callable[[str, Any], None]
    Receive = Callable[[], tuple[str, bytes]]

IDLE_SECONDS = 900  # a pusher that is silent for so long is gone, whatever TCP says
# What Salt imports and a node that is asked for states hardly ever uses: two fifths of all that is imported (measured,
# 3008.3).
LATE = (
    *("argparse", "asyncio", "difflib", "ftplib", "http.cookiejar", "http.server", "mimetypes", "pprint"),
    *("requests", "socketserver", "xml.dom.minidom"),
    *("tornado.concurrent", "tornado.gen", "tornado.httpclient", "tornado.ioloop", "tornado.iostream"),
    *("tornado.locks", "tornado.simple_httpclient", "salt.beacons", "salt.cache", "salt.channel.client"),
    *("salt.cli.daemons", "salt.client", "salt.engines", "salt.minion", "salt.pillar", "salt.utils.asynchronous"),
    *("salt.utils.cache", "salt.utils.cloud", "salt.utils.dictdiffer", "salt.utils.event", "salt.utils.extmods"),
    *("salt.utils.http", "salt.utils.metrics", "salt.utils.process", "salt.utils.pycrypto", "salt.utils.rsax931"),
    *("salt.utils.schedule", "salt.utils.ssdp", "salt.utils.tracing", "salt.utils.vt", "salt.utils.zeromq"),
)
NAMES = re.compile(r"^[ \t]*(__virtual\w*__ *=.*?) *$", re.M)


def serve(config: dict[str, Any], modules: bytes, send: Send, receive: Receive) -> None:
    """Answer the pusher's frames until it closes the connection; never return.

    config
        ``home``, ``thin`` (its folder in there), ``options`` that Salt is started with, ``who`` asks, whether it
        will run states, which then nobody else may (``lock``), and the ``umask`` that the node started us with.
    modules
        The archive of modules that are not Salt's own.
    """
    code, own = 1, ""
    try:
        own = own_folder()
        if config["lock"]:
            hold(config["who"], send)
        read_late(LATE)
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
            clean(config)
            sys.stderr.flush()
        os._exit(code)


def _serve(config: dict[str, Any], own: str, send: Send, receive: Receive) -> None:
    import salt.config
    import salt.loader

    keep_filters()
    make_quicker()
    with open(f"{own}/minion", "w", encoding="utf-8") as file:
        json.dump({**config["options"], "root_dir": f"{config['home']}/var"}, file)
    logging.root.setLevel(logging.WARNING)  # Salt, imported, keeps every word of its own until it is told where to
    opts = salt.config.minion_config(f"{own}/minion")
    # Salt would look for it below its root.
    opts["extension_modules"] = f"{own}/modules"
    opts["file_client"] = "local"
    opts["__cli"] = "salt-call"
    opts["lazy_loader_strict_matching"] = not _some_named_otherwise(f"{own}/modules")
    os.makedirs(f"{opts['cachedir']}/proc", exist_ok=True)
    _tell_grains(opts, send)
    files, held = b"", config["lock"]
    if held:  # while the pusher compiles
        import salt.fileclient
        import salt.state
    while select.select([0], [], [], IDLE_SECONDS)[0]:
        kind, body = receive()
        if kind == "F":
            files = body
        elif kind == "G":
            _tell_grains(opts, send)
        elif kind == "C":
            with _masked(config["umask"]):
                answer = _call(opts, **json.loads(body))
            send("r", answer)
        elif kind == "S":
            if not held:
                hold(config["who"], send)
                held = True
            with _masked(config["umask"]):
                answer = _states(opts, own, files, send, **json.loads(body))
            send("r", answer)


def _tell_grains(opts: Any, send: Send) -> None:
    """Look what the node is, and tell."""
    import salt.loader

    with interfaces_once():
        opts["grains"] = salt.loader.grains(opts)
    send("g", {"grains": opts["grains"]})


@contextlib.contextmanager
def _masked(mask: int) -> Iterator[None]:
    """Let what Salt makes have the modes that it has under raw salt-ssh, and ours be nobody else's again."""
    own = os.umask(mask)
    try:
        yield
    finally:
        os.umask(own)


def _unpack(archive: bytes, place: str) -> None:
    os.makedirs(place, exist_ok=True)
    if archive:
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(place)


def _some_named_otherwise(place: str) -> bool:
    """Say whether a module that was sent along may go by another name than its file's.

    Salt's own all have theirs in their file's name. Where none is named otherwise, Salt need not import every module
    there is each time it is asked for a function that none has: ``pkg`` asks that in every run (measured, 3008.3).
    """
    for folder, _, names in os.walk(place):
        for stem in [name[:-3] for name in names if name.endswith(".py")]:
            with open(f"{folder}/{stem}.py", encoding="utf-8", errors="replace") as file:
                source = file.read()
            # Whatever __virtual__ returns, this name wins (code, 3008.3, loader/lazy.py).
            if "__virtual" in source and NAMES.findall(source) != [f'__virtualname__ = "{stem}"']:
                return True
    return False


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

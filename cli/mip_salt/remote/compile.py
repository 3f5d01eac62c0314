"""Pillar and states of one node, made on the pusher by Salt's own classes and sent over the node's connection."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_salt.errors import UsageError
from mip_salt.federation.node_paths import SALT
from mip_salt.remote.greeting import minion_options

# What Salt computes on the pusher from pillar, grains and the states' files.
ON_THE_PUSHER = ("pillar.", "config.", "defaults.", "grains.", "slsutil.", "state.show_")
RUNS = ("state.apply", "state.highstate", "state.sls")
# What asks Salt's own transport in ways of its own.
ONLY_BY_SALT = ("state.", "cp.", "saltcheck.", "mine.", "publish.", "ssh_pki.", "x509.", "cmd.script")
# From the pusher's configuration, as salt-ssh takes them (read in 3008.3, client/ssh/__init__.py, run_wfunc).
OURS = ("file_roots", "pillar_roots", "ext_pillar", "extension_modules", "module_dirs", "master_tops")
ANY_NODE = "mip-salt-any-node"  # stands for an id, wherever Salt's options for a node have it
NO_PILLAR, NO_STATES = 5, 1  # salt.defaults.exitcodes: EX_PILLAR_FAILURE, EX_STATE_COMPILER_ERROR

Call = Callable[[str, Sequence[Any], Mapping[str, Any]], Any]


@dataclass(frozen=True)
class States:
    """What a node needs to run its states: their files, and the rest, which may be secret."""

    files: bytes
    body: bytes


def refuse_foreign(function: str) -> None:
    """Raise UsageError for a function that only Salt's own transport can run."""
    if function not in RUNS and not function.startswith(ON_THE_PUSHER) and function.startswith(ONLY_BY_SALT):
        raise UsageError(f"{function} is not run by mip-salt", hint="Run it with salt-ssh, in the federation's folder.")


class Compiler:
    """What compiles the nodes' pillar and states, as far as it is the same for all of them: made once, in one process.

    options, client
        Salt's options on the pusher, and its file client.
    tmp
        Folder for a file that says nothing secret.
    """

    def __init__(self, options: dict[str, Any], client: Any, tmp: Path) -> None:
        from mip_salt.remote.salt_classes import NodePillar

        self.options, self.client = options, client
        self._minion = _minion(options, tmp)
        self.pillar = NodePillar({**self._minion, **options})

    def minion(self, node: str) -> dict[str, Any]:
        """Return Salt's options for a node, as Salt there would have them; nothing that it says of itself is there."""
        return {
            name: value.replace(ANY_NODE, node) if isinstance(value, str) else value
            for name, value in self._minion.items()
        }


def _minion(options: dict[str, Any], tmp: Path) -> dict[str, Any]:
    import salt.config

    config = tmp / "minion"
    config.write_text(json.dumps({**minion_options(options, ANY_NODE), "root_dir": f"{SALT}/var"}))
    minion = dict(salt.config.minion_config(str(config)))
    config.unlink()
    minion.update({name: options[name] for name in OURS})
    if not minion["master_tops"]:
        del minion["master_tops"]  # empty, it would make Salt load every module of that kind
    return {
        **minion,
        "file_client": "local",
        "__cli": "salt-call",
        "__master_opts__": options,
        "_caller_cachedir": options["cachedir"],
        "_ssh_version": options["_ssh_version"],
        "extra_filerefs": "",
        "thin_dir": SALT,
        "known_hosts_file": options.get("known_hosts_file"),
    }


class Compilation:
    """One node's pillar and states, in a process that compiles nothing else.

    compiler
        What is the same for all nodes.
    node
        The node's id.
    grains
        What it says of itself. Nothing else of what a node says is taken: its options are made here.
    roster_grains
        What the roster says of it, which wins.
    call
        Asks the node, for what Jinja wants to know of it.
    pillar
        What its pillar holds besides.
    packed
        Folder in which nodes of the same run share archives of files.
    """

    def __init__(
        self,
        compiler: Compiler,
        node: str,
        grains: Mapping[str, Any],
        roster_grains: Mapping[str, Any],
        call: Call,
        pillar: Mapping[str, Any],
        packed: Path,
    ) -> None:
        import salt.loader
        import salt.utils.dictupdate

        from mip_salt.remote.salt_classes import asking

        self.node, self.client, self.packed = node, compiler.client, packed
        self.context: dict[str, Any] = {"master_opts": compiler.options, "fileclient": self.client}
        self.minion = {**compiler.minion(node), "grains": {**grains, **roster_grains}}
        found = compiler.pillar.of(node, self.minion["grains"])
        self.pillar: dict[str, Any] = salt.utils.dictupdate.update(found, pillar)
        self.minion["pillar"] = self.pillar
        self.functions = asking(self.minion, node, self.client, call)
        self.functions.wfuncs = salt.loader.ssh_wrapper(self.minion, self.functions, self.context)

    def here(self, function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a function says that Salt computes on the pusher."""
        result = self.functions.wfuncs[function](*args, **kwargs)
        return {"return": result, "retcode": self.context.get("retcode", 0)}

    def states(self, function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> States | dict[str, Any]:
        """Return what a node needs to run its states, or what Salt says to why there are none.

        function
            ``state.apply``, ``state.highstate`` or ``state.sls``, with the arguments that Salt gives them.
        """
        import salt.utils.state

        from mip_salt.remote.salt_classes import high_state

        if self.pillar.get("_errors") and not kwargs.get("force"):
            said = ["Pillar failed to render with the following messages:", *self.pillar["_errors"]]
            return {"return": said, "retcode": NO_PILLAR}
        names = list(args) + ([kwargs["mods"]] if "mods" in kwargs else [])
        test = bool(kwargs.get("test", self.minion.get("test")))
        opts = salt.utils.state.get_sls_opts(self.minion, **kwargs)
        opts["test"] = test
        with high_state(opts, self.functions, self.client, self.context, self.pillar) as high:
            high.push_active()
            chunks = self._named(high, names[0], kwargs) if names else high.compile_low_chunks(context=self.context)
            if not all(isinstance(chunk, dict) for chunk in chunks):
                return {"return": chunks, "retcode": NO_STATES}
            files = self._files(chunks)
        for chunk in chunks:
            if "slsmod" in chunk:
                chunk["slsmod"] = None
        body = {"chunks": chunks, "pillar": self.pillar, "grains": self.minion["grains"], "test": test}
        return States(files, json.dumps(body, default=str).encode())

    def _named(self, high: Any, names: Any, kwargs: Mapping[str, Any]) -> list[Any]:
        """Compile the states of some files, as ``state.sls`` does (read in 3008.3, client/ssh/wrapper/state.py)."""
        wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        data, errors = high.render_highstate({kwargs.get("saltenv", "base"): wanted}, context=self.context)
        exclude = kwargs.get("exclude")
        if exclude:
            data.setdefault("__exclude__", []).extend(exclude.split(",") if isinstance(exclude, str) else exclude)
        data, more = high.state.reconcile_extend(data)
        errors += more + high.state.verify_high(data)
        if not errors:
            data, errors = high.state.requisite_in(data)
            data = high.state.apply_exclude(data)
        chunks, more = high.state.compile_high_data(data) if not errors else ([], [])
        found: list[Any] = errors + more or chunks
        return found

    def _files(self, chunks: Sequence[Any]) -> bytes:
        """Return the archive of the files that states name; without the states themselves, which may hold secrets.

        Nodes of one role name the same files: who is first packs them for all.
        """
        import salt.client.ssh.state

        extra = self.context.get("_cp_extra_filerefs", "")
        named = salt.client.ssh.state.lowstate_file_refs(chunks, extra if isinstance(extra, str) else ",".join(extra))
        place = self.packed / f"{hashlib.sha256(json.dumps(named).encode()).hexdigest()}.tgz"
        if not place.exists():
            made = salt.client.ssh.state.prep_trans_tar(self.client, [], named, None, self.node)
            Path(made).rename(place)
        return place.read_bytes()

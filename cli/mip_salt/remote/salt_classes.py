"""Salt's own classes, as far as the connection lets them do something in another way; imports all of Salt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import salt.client.ssh.state
import salt.fileclient
import salt.loader
import salt.pillar
import salt.state
from salt.client.ssh.wrapper import FunctionWrapper

from mip_salt.remote.late import Late

Call = Callable[[str, Sequence[Any], Mapping[str, Any]], Any]


class _Pillar(salt.pillar.Pillar):  # type: ignore[misc]
    """A pillar that makes late what most pillars never ask: execution modules, and a client of the states' files."""

    def __init__(self, opts: Any, grains: Any, node: str, saltenv: str) -> None:
        functions = Late(
            lambda: salt.loader.minion_mods(
                self.opts,
                utils=salt.loader.utils(opts, file_client=self.client),
                file_client=salt.fileclient.ContextlessFileClient(self.fileclient),
                pillar=self.pillar_data,
            )
        )
        super().__init__(opts, grains, node, saltenv, functions=functions)


class _State(salt.client.ssh.state.SSHState):  # type: ignore[misc]
    """States that are only compiled here: what would run them is made late, if something asks for it."""

    def __init__(self, opts: Any, wrapper: Any, client: Any, context: Any, pillar: Any) -> None:
        self.wrapper, self.context = wrapper, context
        salt.state.State.__init__(self, opts, initial_pillar=pillar, file_client=client)

    def load_modules(self, data: Any = None, proxy: Any = None) -> None:
        """Make the loaders (as in 3008.3, client/ssh/state.py)."""
        self.functions = self._trusted_functions = self.wrapper
        self.utils = Late(lambda: salt.loader.utils(self.opts))
        self.serializers = Late(lambda: salt.loader.serializers(self.opts))
        self.states = Late(
            lambda: salt.loader.states(
                self.opts, salt.loader.minion_mods(self.opts, utils=self.utils), self.utils, self.serializers
            )
        )
        self.rend = salt.loader.render(self.opts, self.functions)


class _HighState(salt.client.ssh.state.SSHHighState):  # type: ignore[misc]
    """A highstate whose file client is another's, and stays open."""

    def __init__(self, opts: Any, wrapper: Any, client: Any, context: Any, pillar: Any) -> None:
        self.client = client
        opts["cachedir"] = client.opts["cachedir"]
        salt.state.BaseHighState.__init__(self, opts)
        self.state = _State(opts, wrapper, client, context, pillar)
        self.matchers = salt.loader.matchers(self.opts)
        self._pydsl_all_decls: dict[str, Any] = {}
        self._pydsl_render_stack: list[Any] = []

    def destroy(self) -> None:
        """Leave the file client alone."""


def compiled_pillar(opts: Any, grains: Any, node: str) -> dict[str, Any]:
    """Return a node's pillar.

    opts
        The pusher's, and what only the node has.
    """
    found: dict[str, Any] = _Pillar(opts, grains, node, opts.get("saltenv") or "base").compile_pillar()
    return found


def high_state(opts: Any, wrapper: Any, client: Any, context: Any, pillar: Any) -> Any:
    """Return what compiles states; to be used in a ``with``.

    opts
        Of the node.
    wrapper
        What Jinja finds under ``salt``.
    client, context, pillar
        The file client, what is shared during one compilation, and the node's pillar.
    """
    return _HighState(opts, wrapper, client, context, pillar)


class _Asking(FunctionWrapper):  # type: ignore[misc]
    """Asks over the connection that is open already, where Salt opens another."""

    _call: Call

    def __getitem__(self, name: str) -> Any:
        if "." not in name or name in self.wfuncs or name in self.aliases:
            return super().__getitem__(name)
        return lambda *args, **kwargs: self._call(name, args, kwargs)


def asking(minion: Any, node: str, client: Any, call: Call) -> Any:
    """Return what Jinja finds under ``salt``: Salt's own wrappers, and for all else a question to the node."""
    made = _Asking(minion, node, node, fsclient=client, minion_opts={})
    made._call = call
    return made

"""Salt's own classes, as far as the connection lets them do something in another way; imports all of Salt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import salt.client.ssh.state
import salt.fileclient
import salt.loader
import salt.pillar
import salt.state
import salt.template
from salt.client.ssh.wrapper import FunctionWrapper

from mip_salt.remote.late import Late

Call = Callable[[str, Sequence[Any], Mapping[str, Any]], Any]


class NodePillar(salt.pillar.Pillar):  # type: ignore[misc]
    """A pillar that is made once, and then turned to a node in each process that is forked off.

    To make one Salt lists hundreds of files and loads a dozen modules, and all that differs between nodes are their
    id and their grains. What most pillars never ask is made late: execution modules, and a client of the states' files.

    opts
        A node's, and over them the pusher's.
    """

    def __init__(self, opts: dict[str, Any]) -> None:
        functions = Late(
            lambda: salt.loader.minion_mods(
                opts,  # as Salt does: to what they match, a node's name is here the pusher's
                utils=salt.loader.utils(opts, file_client=self.client),
                file_client=salt.fileclient.ContextlessFileClient(self.fileclient),
                pillar=self.pillar_data,
            )
        )
        self._given = opts
        super().__init__(opts, {}, "", opts.get("saltenv") or "base", functions=functions)
        self._try_out()

    def _try_out(self) -> None:
        """Let everything load that a pillar is compiled by; what comes of it is nobody's."""
        salt.template.compile_template_str("{{ none | json }}", self.rend, "jinja|yaml", [], [])
        self.top_matches({"base": {"*": []}})
        self.rend.get("mip_vault")
        for name in [name for source in self.opts.get("ext_pillar", ()) for name in source]:
            self.ext_pillars.get(name)

    def of(self, node: str, grains: dict[str, Any]) -> dict[str, Any]:
        """Return the pillar of a node; of one alone in one process."""
        external = self.ext_pillars._dict
        self.minion_id = node
        self._given["grains"] = grains
        self.opts.update(id=node, minion_id=node, grains=grains)
        external.opts.update(minion_id=node, grains=grains)  # its id is the pusher's
        for loader in (self.matchers, self.rend._dict, external):
            loader.pack["__grains__"] = grains
        found: dict[str, Any] = self.compile_pillar()
        return found


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

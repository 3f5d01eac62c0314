"""What this machine must have ready before nodes are asked: an open vault, the thin, the greeting, and perhaps Salt."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

from mip_salt.errors import LoginRefused, MipError
from mip_salt.federation.folder import Folder
from mip_salt.remote.compile import Compiler
from mip_salt.remote.endings import who
from mip_salt.remote.greeting import Greeting, learnt, remembered
from mip_salt.remote.master import cache, load
from mip_salt.remote.thin import Thin, thin
from mip_salt.vault.at_hand import at_hand, forget


class Pusher:
    """This machine, made ready for one federation, each part when it is first needed."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._greeting: Greeting | None = None

    @cached_property
    def thin(self) -> Thin:
        """Return what a node needs to run Salt."""
        return thin(cache(self.folder) / "mip-salt")

    @cached_property
    def salt(self) -> tuple[dict[str, Any], Any]:
        """Return Salt's options here, and its file client; Salt is imported now."""
        return load(self.folder)

    @cached_property
    def compiler(self) -> Compiler:
        """Return what compiles for the nodes, in processes that are forked off with all that they would make anew."""
        from mip_salt.federation import front_end, recall  # noqa: F401 - pillars of ours ask it
        from mip_salt.versions import for_nodes  # noqa: F401

        made = Compiler(*self.salt, self.folder.tmp)
        # What is wrong with these, each process says.
        with suppress(MipError):
            recall.plain(self.folder)  # keeps what every process would validate anew
            at_hand(self.folder)
        gc.freeze()  # a process forked off that looked through what is here already would have to copy it all
        return made

    def make_ready(self, connect: Callable[[], None], *, compiles: bool) -> None:
        """Connect to the first nodes, and have Salt here meanwhile: both take a third of a second.

        compiles
            Whether Salt is needed here.

        Raises LoginRefused while the vault is locked, Damaged if Salt cannot be set up.
        """
        with socket.socket(socket.AF_UNIX) as agent:
            try:
                agent.connect(str(self.folder.agent_socket))
            except OSError:
                raise LoginRefused(
                    "the vault is locked", hint=f"Open it: mip-salt -f {self.folder.name} vault unlock"
                ) from None
        self._greeting = self._greeting or remembered(self.folder, self.thin.digest)
        if self._greeting:
            connect()
        if compiles:
            self.compiler  # noqa: B018 - from here on it is there

    def learn(self, node: str, opened: Any) -> None:
        """Keep what a process forked off this one opened of the vault: no entry is opened twice in one command."""
        if isinstance(opened, list) and [type(part) for part in opened] == [str, str]:
            with suppress(MipError):
                at_hand(self.folder).learn(node, (opened[0], opened[1]))

    def end(self) -> None:
        """Forget all that was opened of the vault."""
        forget()

    def greet(self, node: str, *, lock: bool) -> bytes:
        """Return the first frames to a node, as of Greeting."""
        if self._greeting is None:
            self._greeting = learnt(self.folder, self.thin.digest, self.salt[1])
        return self._greeting.to(node, who(self.folder), lock=lock)

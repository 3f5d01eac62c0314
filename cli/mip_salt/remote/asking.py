"""What a node's worker does: open the connection, compile if there is something to compile, ask, and say what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.compile import ON_THE_PUSHER, RUNS, Compiler, States
from mip_salt.remote.connection import Connection, Link, Lost, Refused
from mip_salt.remote.frames import TooMuch
from mip_salt.remote.returns import SUDO
from mip_salt.remote.thin import Thin
from mip_salt.remote.worker import Desk
from mip_salt.vault.keyring import Vault


@dataclass(frozen=True)
class Question:
    """What is asked of every node of a run.

    options, client, thin
        Salt's options on the pusher, its file client, and what every node needs.
    first
        Gives the first frames to a node.
    pillar
        What states find in their pillar besides; it may be secret.
    """

    folder: Folder
    federation: Federation
    options: dict[str, Any]
    client: Any
    thin: Thin
    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    first: Callable[[str], bytes]
    pillar: Mapping[str, Any] = field(repr=False)

    @property
    def runs_states(self) -> bool:
        """Say whether it changes nodes by states."""
        return self.function in RUNS


def ask(question: Question, name: str, link: Link, desk: Desk) -> dict[str, Any]:
    """Ask one node; return ``raw``, what Salt said, or else ``lost``, ``refused`` or ``flood``, and why."""
    try:
        try:
            return {"raw": _asked(question, name, link, desk, None)}
        except Lost as lost:
            secret = _kept(question, name) if SUDO.search(lost.said) else ""
            if not secret:
                return {"lost": lost.said}
        again = Link.start(question.folder, question.federation, name, password=True)
        try:
            return {"raw": _asked(question, name, again, desk, secret)}
        except Lost as lost:
            return {"lost": lost.said, "status": again.end(1.0)}
        finally:
            again.end()
    except Refused as refused:
        return {"refused": refused.kind, "data": refused.data}
    except TooMuch:
        return {"flood": True}


def _asked(question: Question, name: str, link: Link, desk: Desk, secret: str | None) -> Any:
    connection = Connection(link, desk.stop, desk.tell)
    if secret is not None:
        connection.password(secret, question.first(name))
    connection.begin(question.thin)
    try:
        here = question.function.startswith(ON_THE_PUSHER)
        if not here and not question.runs_states:
            return connection.call(question.function, question.args, question.kwargs)
        node = question.federation.nodes[name]
        compiler = Compiler(
            question.options,
            question.client,
            name,
            connection.grains,
            {"id": name, "role": str(node.role)},
            lambda function, args, kwargs: _told(connection.call(function, args, kwargs)),
            question.folder.tmp,
            question.pillar,
        )
        if here:
            return compiler.here(question.function, question.args, question.kwargs)
        made = compiler.states(question.function, question.args, question.kwargs)
        return connection.states(made.files, made.body) if isinstance(made, States) else made
    finally:
        connection.close()


def _told(answer: Mapping[str, Any]) -> Any:
    """Return what a node answers to a question of Jinja's.

    Raises CommandExecutionError for a failure, which ends the rendering, as with Salt's own transport.
    """
    from salt.exceptions import CommandExecutionError

    if answer.get("retcode"):
        raise CommandExecutionError(str(answer.get("return"))[:500])
    return answer.get("return")


def _kept(question: Question, name: str) -> str:
    """Return the password that the vault keeps for a node's sudo; empty if it keeps none."""
    try:
        return str(Vault(question.folder).read(name).admin.get("password", ""))
    except MipError:
        return ""

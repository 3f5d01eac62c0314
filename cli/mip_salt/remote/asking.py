"""The conversation with one node: what is said in turn, by whom; a generator that is sent all that is heard."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder
from mip_salt.remote.compile import ON_THE_PUSHER, RUNS, Compilation, States
from mip_salt.remote.compilers import Compilers, Job
from mip_salt.remote.connection import Connection, Lost
from mip_salt.remote.frames import TooMuch, frame, head
from mip_salt.remote.pusher import Pusher
from mip_salt.remote.worker import Desk
from mip_salt.ssh.verdict import SUDO
from mip_salt.vault.at_hand import at_hand
from mip_salt.vault.keyring import Vault

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

# A frame's kind, which is one letter, and its data; or a longer word, and what the node's compiler says.
Heard = tuple[str, Any]
Answer = dict[str, Any]
REFUSALS = ("b", "f", "x")  # held by another run, failed, stopped


class Refused(Exception):
    """The runner does not do its work: it is held by another run, was stopped, or cannot."""

    def __init__(self, kind: str, data: Any) -> None:
        super().__init__(kind)
        self.kind, self.data = kind, data if isinstance(data, dict) else {}


@dataclass(frozen=True)
class Question:
    """What is asked of every node of a run.

    pillar
        What states find in their pillar besides; it may be secret.
    packed
        Folder for archives of states' files, which many nodes of this run may need.
    """

    folder: Folder
    federation: Federation
    pusher: Pusher
    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    pillar: Mapping[str, Any] = field(repr=False)
    packed: Path

    @property
    def compiles(self) -> bool:
        """Say whether it needs Salt on the pusher: to compile what nodes run, or to run itself."""
        return self.function in RUNS or self.function.startswith(ON_THE_PUSHER)

    def first(self, name: str) -> bytes:
        """Return the first frames to a node."""
        return self.pusher.greet(name, lock=self.function in RUNS)


@dataclass
class Node:
    """A node in a run.

    connection
        Open, and greeted.
    again
        Connects anew, to a sudo that takes a password.
    hear
        Passes on to the conversation what the node's compiler says.
    """

    name: str
    connection: Connection
    again: Callable[[], Connection]
    compilers: Compilers
    hear: Callable[[str, Any], None]


def ask(question: Question, node: Node) -> Generator[None, Heard, Answer]:
    """Ask one node; return ``raw``, what Salt said, or else ``lost``, ``refused``, ``flood`` or ``silent``, and why.

    What is heard of the node is sent to it; the end of the connection, or a flood, is thrown into it.
    """
    try:
        try:
            return (yield from _asked(question, node))
        except Lost as lost:
            if node.connection.grains is not None or not SUDO.search(lost.said):
                raise
            secret = yield from _made(node, partial(_kept_password, question, node.name))
            if not isinstance(secret, str) or not secret:
                raise
        node.connection = node.again()
        yield from _become_root(node.connection, secret)
        node.connection.send(question.first(node.name))
        return (yield from _asked(question, node))
    except Lost as lost:
        return {"lost": lost.said}
    except Refused as refused:
        return {"refused": refused.kind, "data": refused.data}
    except TooMuch:
        return {"flood": True}


def _asked(question: Question, node: Node) -> Generator[None, Heard, Answer]:
    connection = node.connection
    if connection.grains is None and (yield from _frame("h")).get("missing"):
        thin = question.pusher.thin.data
        connection.send(head("P", len(thin)))
        connection.send(thin)
    if connection.outdated:
        connection.send(frame("G", {}))
    if connection.grains is None or connection.outdated:
        grains = (yield from _frame("g")).get("grains")
        connection.grains, connection.outdated = grains if isinstance(grains, dict) else {}, False
    if not question.compiles:
        call = {"function": question.function, "args": list(question.args), "kwargs": dict(question.kwargs)}
        connection.send(frame("C", call))
    else:
        job = partial(_compiled, question, node.name, connection.grains)
        made = yield from _made(node, job, partial(question.pusher.learn, node.name))
        if not isinstance(made, bytes):
            return made if isinstance(made, dict) else {}
        connection.send(made)
    return {"raw": (yield from _frame("r"))}


def _become_root(connection: Connection, secret: str) -> Generator[None, Heard, None]:
    """Give sudo its password, once the machine has said that it is the confirmed one."""
    yield from _frame("S")
    connection.give_sudo(secret)
    yield from _frame("u")
    connection.became_root()


def _frame(kind: str) -> Generator[None, Heard, dict[str, Any]]:
    """Return the data of the next frame of a kind; what else a node says is not heard.

    Raises Refused for a refusal.
    """
    while True:
        got, data = yield
        if got in REFUSALS:
            raise Refused(got, data)
        if got == kind and isinstance(data, dict):
            return data


def _made(node: Node, job: Job, learn: Callable[[Any], None] = lambda _: None) -> Generator[None, Heard, Any]:
    """Return what comes of a job here; what it asks of the node is asked there.

    learn
        Given what the job tells.
    """
    task = node.compilers.begin(job, node.hear)
    try:
        while True:
            got, data = yield
            if got in REFUSALS:
                raise Refused(got, data)
            if got == "made":
                return data
            if got == "told":
                learn(data)
            if got == "call":
                node.connection.send(frame("C", data))
                task.answer((yield from _frame("r")))
    finally:
        node.compilers.end(task)


# --- in a process of its own -------------------------------------------------------------------------------------


def _compiled(question: Question, name: str, grains: dict[str, Any], desk: Desk) -> bytes | Answer:
    """Return the frames that let a node run its states, or what Salt said here."""
    compilation = Compilation(
        question.pusher.compiler,
        name,
        grains,
        {"id": name, "role": str(question.federation.nodes[name].role)},
        lambda function, args, kwargs: _told(
            desk.ask({"function": function, "args": list(args), "kwargs": dict(kwargs)})
        ),
        question.pillar,
        question.packed,
    )
    with suppress(MipError):  # the pillar says it
        if opened := at_hand(question.folder).opened(name):
            desk.tell(opened)
    if question.function not in RUNS:
        return {"raw": compilation.here(question.function, question.args, question.kwargs)}
    made = compilation.states(question.function, question.args, question.kwargs)
    return frame("F", made.files) + frame("S", made.body) if isinstance(made, States) else {"raw": made}


def _told(answer: Mapping[str, Any]) -> Any:
    """Return what a node answers to a question of Jinja's.

    Raises CommandExecutionError for a failure, which ends the rendering, as with Salt's own transport.
    """
    from salt.exceptions import CommandExecutionError

    if answer.get("retcode"):
        raise CommandExecutionError(str(answer.get("return"))[:500])
    return answer.get("return")


def _kept_password(question: Question, name: str, desk: Desk) -> str:
    """Return the password that the vault keeps for a node's sudo; empty if it keeps none."""
    try:
        return str(Vault(question.folder).read(name).admin.get("password", ""))
    except MipError:
        return ""

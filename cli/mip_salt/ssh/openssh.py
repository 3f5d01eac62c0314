"""Look at a node by the system's ssh with the roster's options: as raw salt-ssh will reach it, and as `status` does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mip_salt.errors import MipError, TrustRefused, Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.federation.ssh_options import destination, ssh_arguments
from mip_salt.ssh.asks import LATE, MAX_BYTES, MISSING, MUCH, MUTE, Asks, Ended
from mip_salt.ssh.facts import FACTS, Facts, parse_facts, shell_command
from mip_salt.ssh.health import CLOCK, Health, health_script, parse_health, split
from mip_salt.ssh.tried import SSH_FAILED, Tried, no_ssh
from mip_salt.vault import masters

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation, Node

POLL_SECONDS = 0.02


class Look(NamedTuple):
    """What a node says of itself and of how it fares.

    skew
        Seconds by which its clock is ahead of this machine's, right to the time that a packet takes; None if unknown.
    """

    facts: Facts
    health: Health
    skew: float | None


async def check(
    folder: Folder, federation: Federation, name: str, timeout: float, *, agent: Path | None = None
) -> Facts:
    """Return what a node says of itself; nothing else is asked, and ssh logs in by itself, as raw salt-ssh will.

    timeout, agent
        As of `Looks`.

    Raises TrustRefused, LoginRefused, Unreachable or NodeFailed with the command that reproduces it; Damaged if
    there is no ssh on this machine. Whether the facts are those of the confirmed machine, same_machine tells.
    """
    import asyncio

    tried = tried_of(folder, federation, name)
    with Asks() as asks:
        asks.start(name, ssh_call(tried, FACTS, agent), timeout)
        while not (done := asks.wait(0)):
            await asyncio.sleep(POLL_SECONDS)
    with _reproduced(tried):
        return parse_facts(_answer(tried, done[0][1], timeout), name)


class Looks:
    """Ask nodes side by side what they are and how they fare, each over its master if it may have one.

    paths
        Absolute paths whose file systems are measured.
    timeout
        Seconds for one node; then ssh and whatever it started are killed.
    agent
        Socket of the ssh-agent that holds the identity, if it is another than the federation's.

    Use it in a ``with``: what still runs at its end is killed.
    """

    def __init__(
        self,
        folder: Folder,
        federation: Federation,
        *,
        paths: Sequence[str],
        timeout: float,
        agent: Path | None = None,
    ) -> None:
        self.folder, self.federation, self.agent = folder, federation, agent
        self.paths, self.timeout = paths, timeout
        self._asks = Asks()
        self._masters: dict[str, Path] = {}

    def __len__(self) -> int:
        return len(self._asks)

    def __enter__(self) -> Looks:
        return self

    def __exit__(self, *_: object) -> None:
        self._asks.__exit__()

    def begin(self, name: str, *, fresh: bool = False) -> None:
        """Ask a node.

        fresh
            By a login of its own, which others then share.
        """
        path = masters.control_path(self.folder, self.federation, name, agent=self.agent)
        more = masters.options(path, fresh=fresh, prove=False)
        if path and masters.there(path):
            self._masters[name] = path
        call = ssh_call(tried_of(self.folder, self.federation, name), health_script(self.paths), self.agent, more)
        self._asks.start(name, call, self.timeout, first=masters.SECONDS if name in self._masters else None)

    def wait(self, patience: float) -> Iterator[tuple[str, Look | MipError]]:
        """Yield the nodes that have answered, once there is one, or after so many seconds: each a look, or why not.

        The error is TrustRefused, LoginRefused, Unreachable or NodeFailed with the command that reproduces it, or
        Damaged if there is no ssh on this machine. Whether it is the confirmed machine, same_machine tells.
        """
        for name, ended in self._asks.wait(patience):
            master = self._masters.pop(name, None)
            if master and (ended.why == MUTE or ended.status == SSH_FAILED):
                # It leads nowhere: the node was restarted, or the network is gone. A login of its own tells which.
                masters.stop([master])
                self.begin(name)
                continue
            tried = tried_of(self.folder, self.federation, name)
            try:
                with _reproduced(tried):
                    yield name, self._look(tried, ended)
            except MipError as err:
                yield name, err

    def _look(self, tried: Tried, ended: Ended) -> Look:
        out = _answer(tried, ended, self.timeout)
        facts, health = parse_facts(split(out)[0], tried.name), parse_health(out, self.paths)
        came = _when(ended, CLOCK.encode())
        return Look(facts, health, None if health.clock is None or came is None else health.clock - came)


def _when(ended: Ended, marker: bytes) -> float | None:
    """Return when a marker had come, in seconds since 1970; None if it never came."""
    end = ended.out.find(marker) + len(marker)
    return next((when for count, when in ended.arrivals if count >= end), None) if marker in ended.out else None


def tried_of(folder: Folder, federation: Federation, name: str) -> Tried:
    """Return what is tried, with the command that reproduces it."""
    return Tried(folder, federation, name, f"cd {shlex.quote(str(folder.path))} && salt-ssh -r {name} 'uname -n'")


@contextmanager
def _reproduced(tried: Tried) -> Iterator[None]:
    """Give an error the command that reproduces it."""
    try:
        yield
    except MipError as error:
        error.command = error.command or tried.command
        raise


def ssh_call(tried: Tried, script: str, agent: Path | None = None, more: Sequence[str] = ()) -> list[str]:
    """Return the call of the system's ssh that runs a script on a node, with the roster's options and more."""
    folder, federation, name = tried.folder, tried.federation, tried.name
    # A node's banner goes to stderr at a lower level, and could pass for a message of ssh's.
    return [
        *("ssh", "-o", "LogLevel=ERROR", *more, *ssh_arguments(folder, federation, name, agent=agent)),
        destination(federation.nodes[name]),
        shell_command(script),
    ]


def _answer(tried: Tried, ended: Ended, timeout: float) -> bytes:
    """Return what a node said to a script; raise what it means if that is no answer."""
    name = tried.name
    if ended.why == MISSING:
        raise no_ssh(name)
    if ended.why == LATE:
        raise Unreachable(
            f"no end of its answer in {timeout:g} s; gave up", node=name, hint="See by hand what keeps it."
        )
    if ended.why == MUCH:
        raise Unreachable(f"sent more than {MAX_BYTES} bytes; gave up", node=name, hint="See by hand what it prints.")
    if ended.status:
        from mip_salt.ssh.verdict import verdict

        said = ended.err if ended.status == SSH_FAILED else ended.out + ended.err
        raise verdict(tried, said, ended.status)
    return ended.out


def same_machine(name: str, node: Node, facts: Facts, *, federation: str = "FEDERATION") -> None:
    """Raise TrustRefused, showing both, unless a node is the machine that the operator confirmed.

    name
        The node's id.
    node
        The node as recorded; what was never recorded is not compared.
    federation
        Name of the federation, for the hint.
    """
    pairs = (("machine-id", node.machine_id, facts.machine_id), ("hostname", node.hostname, facts.hostname))
    wrong = [(what, was, now) for what, was, now in pairs if was and was != now]
    if wrong:
        shown = "\n".join(f"  {what}: confirmed {was}, now {now}" for what, was, now in wrong)
        trust = f"mip-salt -f {federation} node trust {name} --host-key SHA256:…"
        follow = f"mip-salt -f {federation} node rename {name} {facts.hostname}"
        renamed = [what for what, _, _ in wrong] == ["hostname"]
        may_follow = renamed and "." not in facts.hostname
        raise TrustRefused(
            f"it is not the confirmed machine\n{shown}",
            node=name,
            hint="It has the confirmed host key"
            + (
                " and machine-id, so it was renamed"
                if renamed
                else ", so it was reinstalled with its old key, or cloned"
            )
            + f". Ask its administrator. Only if it is meant:\n  {follow if may_follow else trust}",
        )

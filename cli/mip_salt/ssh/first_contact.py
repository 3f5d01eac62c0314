"""Make a confirmed machine usable: the identity on it, the facts, the right to use sudo."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asyncssh import SSHClientConnection

from mip_salt.errors import LoginRefused, NodeFailed
from mip_salt.ssh.channel import run
from mip_salt.ssh.facts import FACTS, Facts, parse_facts, shell_command
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.install import CHANGED, INSTALL, SUDOERS, key_line
from mip_salt.ssh.login import check_password, session
from mip_salt.ssh.refusal import KeyRefused
from mip_salt.ssh.target import Target

STAYS = "The identity's key stays in the user's authorized_keys."
BY_HAND = "Or have the administrator write /etc/sudoers.d/mip-salt (mode 0440) with: {user} ALL=(root) NOPASSWD: ALL"
NO_RIGHT = (b"not in the sudoers", b"may not run sudo", b"not allowed to", b"is not allowed")
WRONG = (b"incorrect password", b"Sorry, try again", b"no password was provided")


@dataclass(frozen=True)
class Contact:
    """What came of a first contact.

    installed
        Whether the identity had to be installed.
    sudo
        How sudo came to work: ``root``, ``nopasswd`` (it did before), or ``installed`` (by us, now).
    """

    facts: Facts
    installed: bool
    sudo: str


class _Password:
    """The user's password: asked for when first needed, at most once."""

    def __init__(self, target: Target, ask: Callable[[], str | None]) -> None:
        self._target, self._ask = target, ask
        self._known: list[str | None] = []

    def get(self) -> str | None:
        """Return the password, or None for the operator's own keys; raise UsageError for one that cannot be."""
        if not self._known:
            answer = self._ask()
            self._known.append(None if answer is None else check_password(self._target, answer))
        return self._known[0]


async def enrol(
    target: Target,
    keys: Sequence[HostKey],
    *,
    agent_path: str,
    public_key: str,
    password: Callable[[], str | None],
    via: SSHClientConnection | None = None,
    progress: Callable[[str], None],
) -> Contact:
    """Install the identity unless it gets in already, prove that it alone does, make sudo ask no password.

    keys
        The host keys that the operator confirmed.
    agent_path
        Socket of the federation's ssh-agent, which holds the identity.
    public_key
        The identity's public half, as in its ``.pub`` file.
    password
        Asks for the user's password; called at most once, and only if needed. None: use the operator's own keys.
    via
        A login to the bastion, if the machine is behind one.
    progress
        Called with what is done next, in words.

    Raises TrustRefused, LoginRefused, Unreachable, NodeFailed; UsageError for a password that cannot be one.
    """
    line = key_line(public_key)
    secret = _Password(target, password)
    installed = False
    progress("logging in with the identity")
    try:
        facts = await _look(target, keys, agent_path, via)
    except KeyRefused:
        given = secret.get()
        means = "your own SSH keys" if given is None else "the password"
        progress(f"logging in with {means}, to install the identity")
        installed = await _install(target, keys, line, given, via)
        progress("logging in with the identity alone")
        facts = await _look_again(target, keys, agent_path, via)
    if facts.python == "none":
        raise NodeFailed(
            "python3 is not installed, and Salt needs it",
            node=target.id,
            hint="Have its administrator run: apt-get install -y python3",
        )
    sudo = facts.sudo
    if sudo == "none":
        raise LoginRefused(
            f"sudo is not installed, and {target.user} is not root",
            node=target.id,
            hint=f"Have its administrator run: apt-get install -y sudo && adduser {target.user} sudo\n{STAYS}",
        )
    if sudo == "password":
        progress("allowing sudo without a password")
        facts, sudo = await _allow_sudo(target, keys, agent_path, secret.get(), via), "installed"
    return Contact(facts, installed, sudo)


async def _look(target: Target, keys: Sequence[HostKey], agent_path: str, via: SSHClientConnection | None) -> Facts:
    async with session(target, keys, agent_path=agent_path, via=via) as conn:
        return parse_facts(await run(conn, target.id, shell_command(FACTS)), target.id)


async def _look_again(
    target: Target, keys: Sequence[HostKey], agent_path: str, via: SSHClientConnection | None
) -> Facts:
    try:
        return await _look(target, keys, agent_path, via)
    except KeyRefused as err:
        raise LoginRefused(
            f"the identity was installed for {target.user}, and yet sshd does not take it",
            node=target.id,
            hint="Look at sshd_config (AuthorizedKeysFile, PubkeyAuthentication), at the modes of the home,\n"
            "~/.ssh and authorized_keys (StrictModes), and at: journalctl -u ssh",
            command=err.command,
        ) from None


async def _install(
    target: Target,
    keys: Sequence[HostKey],
    line: bytes,
    password: str | None,
    via: SSHClientConnection | None,
) -> bool:
    async with session(target, keys, password=password, operator=password is None, via=via) as conn:
        try:
            said = await run(conn, target.id, shell_command(INSTALL), line)
        except NodeFailed as err:
            raise LoginRefused(
                f"the identity could not be installed: {err.message}",
                node=target.id,
                hint="Its old authorized_keys is untouched. Is the disk full, or the file read-only or immutable?",
            ) from None
    return CHANGED in said.split(b"\n")


async def _allow_sudo(
    target: Target,
    keys: Sequence[HostKey],
    agent_path: str,
    password: str | None,
    via: SSHClientConnection | None,
) -> Facts:
    by_hand = BY_HAND.format(user=target.user)
    if password is None:
        raise LoginRefused(
            f"sudo asks {target.user} for a password, and none was given",
            node=target.id,
            hint=f"Run it again and give the password: it is used once.\n{by_hand}\n{STAYS}",
        )
    async with session(target, keys, agent_path=agent_path, via=via) as conn:
        # -k: a remembered password must not hide a wrong one; the password is all of stdin, so there is one try.
        command = f"exec env LC_ALL=C sudo -S -k -p '' sh -c {shlex.quote(SUDOERS)}"
        try:
            await run(conn, target.id, command, password.encode("utf-8") + b"\n")
        except NodeFailed as err:
            raise _no_sudo(target, err.message, by_hand) from None
        facts = parse_facts(await run(conn, target.id, shell_command(FACTS)), target.id)
    if facts.sudo != "nopasswd":
        raise LoginRefused(
            f"sudo still asks {target.user} for a password, though /etc/sudoers.d/mip-salt is in place",
            node=target.id,
            hint="A later rule overrides it, or /etc/sudoers does not include sudoers.d: sudo -l shows what counts.",
        )
    return facts


def _no_sudo(target: Target, text: str, by_hand: str) -> LoginRefused:
    said = text.encode("utf-8")
    if any(word in said for word in NO_RIGHT):
        why = f"{target.user} may not use sudo"
        hint = f"Have its administrator run: adduser {target.user} sudo\n{by_hand}\n{STAYS}"
    elif any(word in said for word in WRONG):
        why = f"sudo refused the password of {target.user}"
        hint = f"Does sudo there ask for another one (rootpw, targetpw, an own PAM service)?\n{by_hand}\n{STAYS}"
    else:
        why, hint = f"sudo could not be set up: {text}", f"{by_hand}\n{STAYS}"
    return LoginRefused(why, node=target.id, hint=hint)

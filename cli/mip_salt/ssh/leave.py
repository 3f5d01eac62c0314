"""Take off a machine what first contact put on it: the identity, and the right to use sudo."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mip_salt.federation.node_paths import LOCK, SALT
from mip_salt.ssh.channel import run
from mip_salt.ssh.facts import shell_command
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.install import REMOVE, REMOVE_SUDOERS, key_line
from mip_salt.ssh.login import session
from mip_salt.ssh.target import Target

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection

# The sudo rule is the user's: another federation that logs in as the same user still needs it.
# Salt's files are every user's: whoever runs states there now keeps them.
FILES = f"flock -n {LOCK} rm -rf {SALT}; rm -rf /var/tmp/.{{user}}_*_salt"
OTHERS = "grep -qs ' mip-salt:' .ssh/authorized_keys && echo MIP2-others || echo MIP2-none"


async def leave(
    target: Target,
    keys: Sequence[HostKey],
    *,
    agent_path: str,
    public_key: str,
    via: SSHClientConnection | None = None,
) -> None:
    """Remove the identity's key, then Salt's files and the user's sudo rule, unless another federation logs in so.

    All in one login, which lasts when the key is gone already.

    Raises TrustRefused, LoginRefused, Unreachable or NodeFailed; what was not removed then is still there.
    """
    async with session(target, keys, agent_path=agent_path, via=via) as conn:
        await run(conn, target.id, shell_command(REMOVE), key_line(public_key))
        others = await run(conn, target.id, shell_command(OTHERS))
        if b"MIP2-none" in others.split(b"\n"):
            for script in (FILES.format(user=target.user), REMOVE_SUDOERS)[: 1 if target.user == "root" else 2]:
                await run(conn, target.id, shell_command(script) if target.user == "root" else _as_root(script))


def _as_root(script: str) -> str:
    return f"exec sudo -n sh -c {shlex.quote(script)}"

"""Why a confirmed machine refused a login, told apart and in words."""

from __future__ import annotations

import asyncssh

from mip_salt.errors import LoginRefused, TrustRefused
from mip_salt.printable import printable
from mip_salt.ssh.asker import Asker
from mip_salt.ssh.target import Target

LOCKED_OUT = "Is the account locked or expired, or the user not allowed in (AllowUsers, pam_access)?"


class KeyRefused(LoginRefused):
    """The node answered, and does not take the key; a password may still open it."""


def another_key(target: Target) -> TrustRefused:
    """Return the refusal of a machine that no longer shows a confirmed host key."""
    return TrustRefused(
        f"{target.where} shows ANOTHER HOST KEY than the one confirmed; nothing was sent",
        node=target.id,
        hint="Someone may stand between, or answer at this address; or the node was reinstalled just now.\n"
        "Ask its administrator for the fingerprint on its own console before you go on.",
    )


def refused(
    target: Target,
    err: BaseException,
    asker: Asker,
    by_password: bool,
    agent_path: str | None,
    bastion: bool,
) -> LoginRefused:
    """Return the reason of a login that the confirmed machine refused.

    asker
        What it was asked during the login.
    """
    who = f"{target.user}@{target.where}"
    command = "" if bastion else target.ssh_command(*(("-o", f"IdentityAgent={agent_path}") if agent_path else ()))
    if not isinstance(err, asyncssh.PermissionDenied):
        text = printable(str(err) or type(err).__name__)
        return LoginRefused(f"{who} ended the login: {text}", node=target.id, hint=LOCKED_OUT, command=command)
    if "trivial" in str(err).lower():
        return LoginRefused(
            f"{who} lets anybody in, without a key or password",
            node=target.id,
            hint="Have its administrator set a password for the user, and PermitEmptyPasswords no in sshd_config.",
            command=command,
        )
    if asker.expired:
        return LoginRefused(
            f"the password of {who} has expired",
            node=target.id,
            hint="Log in by hand once and change it; mip-salt never does.",
            command=command,
        )
    if asker.gave:
        return LoginRefused(
            f"the password of {who} was refused",
            node=target.id,
            hint="Each wrong one counts on the node: fail2ban or pam_faillock may lock you out.",
            command=command,
        )
    if agent_path:
        return KeyRefused(
            f"the identity was refused by {who}",
            node=target.id,
            command=command,
            hint=f"Put it in place again: mip-salt configure --node {target.id}",
        )
    offered = (
        f"it offers only: {printable(', '.join(asker.methods), 120)}" if asker.methods else "it offers nothing else"
    )
    if by_password and asker.odd_question:
        return LoginRefused(
            f"{who} asks for more than a password: {printable(asker.odd_question)}",
            node=target.id,
            hint="Put the federation's ssh/id_ed25519.pub into ~/.ssh/authorized_keys there by hand.",
            command=command,
        )
    if by_password:
        return LoginRefused(
            f"{who} takes no password; {offered}",
            node=target.id,
            hint="Log in with a key of yours that it knows (give an empty password), or have its administrator add "
            "the federation's ssh/id_ed25519.pub to the user's ~/.ssh/authorized_keys.",
            command=command,
        )
    return KeyRefused(
        f"{who} refused your own SSH keys; {offered}",
        node=target.id,
        hint="Load the right key (ssh-add -l shows which there are), or give the user's password.",
        command=command,
    )

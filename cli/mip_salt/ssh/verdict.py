"""What a failure of the system's ssh means, by its exit code and its own lines on stderr (OpenSSH 8.2 to 9.9)."""

from __future__ import annotations

import re

from mip_salt.errors import Damaged, LoginRefused, MipError, NodeFailed, TrustRefused, Unreachable
from mip_salt.federation.address import join_address
from mip_salt.federation.folder import Folder
from mip_salt.printable import printable
from mip_salt.ssh import pins
from mip_salt.ssh import reach_words as words
from mip_salt.ssh.hostkeys import HostKey
from mip_salt.ssh.tried import SSH_FAILED, Tried

CHANGED = re.compile(r"^Host key for (\S+) has changed and you have requested strict checking", re.M)
OFFERED = re.compile(r"^(SHA256:[A-Za-z0-9+/]{43})\.?\r?$", re.M)
UNKNOWN = re.compile(r"^No (?:\S+ )?host key is known for (\S+) and you have requested strict checking", re.M)
DENIED = re.compile(r"^(\S+)@(\S+): Permission denied \(([a-z0-9,@.-]*)\)\.?\r?$", re.M)
NO_ALGORITHM = re.compile(r"no matching host key type found", re.I)
EXPIRED = re.compile(r"password has expired|must change your password|required to change your password", re.I)
SUDO = re.compile(
    r"^sudo: .*(?:a password is required|a terminal is required|must have a tty|incorrect password|account validation)"
    r"|is not in the sudoers file|may not run sudo|is not allowed to (?:run sudo|execute)"
    r"|^env: .sudo.: No such file",
    re.M,
)
UNREACHABLE = (
    (re.compile(r"Could not resolve hostname", re.I), words.UNRESOLVED, words.CHECK_NAME),
    (re.compile(r"Connection refused", re.I), words.REFUSED, words.PORT),
    (re.compile(r"No route to host|Network is unreachable", re.I), words.NO_ROUTE, words.NETWORK),
    (re.compile(r"timed out|Timeout", re.I), words.SILENT, words.FIREWALL),
    (re.compile(r"administratively prohibited", re.I), words.NO_FORWARD, words.ALLOW_FORWARD),
    (re.compile(r"banner exchange|invalid format|Bad remote protocol", re.I), words.NOT_SSH, words.PORT),
    (re.compile(r"closed by|reset by|kex_exchange", re.I), words.DROPPED, words.TOO_MANY),
)


def verdict(tried: Tried, said: bytes, status: int = SSH_FAILED) -> MipError:
    """Return the error that a failed ssh means; ssh's own advice (``ssh-keygen -R``) is not repeated.

    said
        What ssh and the node printed; the node's part of it is hostile.
    status
        ssh's exit code; another than 255 is the command's own.
    """
    text = said[-16384:].decode("utf-8", "replace")
    node, name = tried.federation.nodes[tried.name], tried.name
    if EXPIRED.search(text):
        return LoginRefused(
            f"the password of {node.user} has expired, and until it is changed the node lets that user do nothing",
            node=name,
            hint="Log in by hand once and change it; mip-salt never does.",
            command=tried.command,
        )
    last = printable(next((line for line in reversed(text.splitlines()) if line.strip()), ""))
    if status != SSH_FAILED and SUDO.search(text):
        return LoginRefused(
            f"it does not let {node.user} become root: {last}",
            node=name,
            hint=f"Confirm the node again, which lets {node.user} use sudo without a password: "
            f"mip-salt -f {tried.folder.name} configure --node {name}\n"
            "Only what works on nodes, apply and the like, gives sudo the password that the vault keeps.",
            command=f"mip-salt -f {tried.folder.name} ssh {name} sudo -n true",
        )
    if status != SSH_FAILED:
        return NodeFailed(
            f"the command failed ({status}): {last or 'without a word'}",
            node=name,
            command=tried.command,
            hint="Run the command below, and look at what it says.",
        )
    changed, unknown = CHANGED.search(text), UNKNOWN.search(text)
    if changed or unknown or "Host key verification failed" in text or NO_ALGORITHM.search(text):
        return _another_key(tried, text, changed or unknown, known=unknown is None)
    denied = DENIED.search(text)
    if denied:
        where = "its bastion" if node.bastion and denied[2] != node.address else f"{node.user}@{node.address}"
        return LoginRefused(
            f"the identity was refused by {where}; it takes: {denied[3].replace(',', ', ') or 'nothing'}",
            node=name,
            hint=f"If the vault is locked: mip-salt -f {tried.folder.name} vault unlock\n"
            f"If the key was taken off the node: mip-salt -f {tried.folder.name} configure --node {name}",
            command=tried.command,
        )
    where = join_address(node.address, node.port) + (f" through {node.bastion}" if node.bastion else "")
    for pattern, why, hint in UNREACHABLE:
        if pattern.search(text):
            return Unreachable(f"{where} is not reachable: {why}", node=name, hint=hint, command=tried.command)
    return Unreachable(
        f"ssh failed: {last or 'without a word'}",
        node=name,
        command=tried.command,
        hint="Run the command below with -v after ssh, and look at where it ends.",
    )


def _another_key(tried: Tried, text: str, found: re.Match[str] | None, known: bool) -> TrustRefused:
    alias = found[1] if found and found[1] in tried.federation.nodes else tried.name
    offered = OFFERED.search(text)
    what = "its host key is not the confirmed one" if known else "its host key was never confirmed"
    if alias != tried.name:
        what = f"its bastion {alias}: {what}"
    rows = [f"\n  confirmed {key.name:8} {key.fingerprint}" for key in _pinned(tried.folder, alias)]
    rows += [f"\n  offered            {offered[1]}"] if offered else []
    return TrustRefused(
        f"{what}; nothing was sent{''.join(rows)}",
        node=tried.name,
        hint="Someone may stand between, or answer at this address; or the node was reinstalled. Call its "
        "administrator and have the fingerprint read from its own console. Only if it is that one:\n"
        f"  mip-salt -f {tried.folder.name} node trust {alias} --host-key SHA256:…",
        command=tried.command,
    )


def _pinned(folder: Folder, alias: str) -> list[HostKey]:
    try:
        return pins.read(folder.known_hosts).get(alias, [])
    except Damaged:
        return []  # the refusal stands; what is wrong with the file is another command's news

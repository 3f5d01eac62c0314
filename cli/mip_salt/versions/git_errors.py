"""What git's last words mean, as an error of ours; a server had a part in them, so they are shown inert."""

from __future__ import annotations

import re

from mip_salt.errors import Damaged, MipError, TrustRefused, Unreachable, UsageError
from mip_salt.printable import printable

KEPT = "What was installed before is untouched."
# Words of git 2.32 to 2.47, curl and OpenSSH, in the order in which they are looked for.
MEANINGS: tuple[tuple[str, type[MipError], str, str], ...] = (
    (
        "No space left on device",
        Damaged,
        "this machine's disk is full",
        f"Free some space (mip-salt doctor says where), then run it again. {KEPT}",
    ),
    (
        "dubious ownership",
        Damaged,
        "{source} belongs to another user, and git trusts no repository of others",
        "Make a bundle of it as its owner (git bundle create FILE --all) and give that.",
    ),
    (
        "Host key verification failed|host key is known for",
        Unreachable,
        "the host key of {source} is not in your known_hosts",
        "Connect to it once by ssh yourself and confirm the key, then run this again.",
    ),
    (
        "certificate verification failed|SSL certificate problem|certificate subject name",
        TrustRefused,
        "this machine does not trust the certificate that {source} shows",
        "If your site's proxy opens TLS, trust its certificate: as root, put it into /usr/local/share/ca-certificates "
        "as NAME.crt and run update-ca-certificates; or name the file in GIT_SSL_CAINFO.",
    ),
    (
        "Permission denied|Authentication failed|could not read Username|terminal prompts disabled|error: 40[13]",
        UsageError,
        "{source} does not let us in, or is not there",
        "Look at its spelling; one that needs a login is reached by ssh://, with a key that your ssh-agent holds.",
    ),
    (
        "did not send all necessary objects",
        Damaged,
        "{source} is a bundle without all it needs",
        "Make it again of a whole repository: git bundle create FILE --all",
    ),
    (
        "not our ref|couldn't find remote ref|unadvertised object|no such remote ref",
        UsageError,
        "{source} has no such commit",
        "",
    ),
    (
        "not appear to be a git repository|[Rr]epository not found|Repository .* not found|not a git repository"
        "|not valid: is this a git repository|error: 404",
        UsageError,
        "{source} is no git repository",
        "Give a URL, a folder or a git bundle.",
    ),
    (
        "transport '.*' not allowed",
        UsageError,
        "{source} may not be spoken to that way",
        "Use https://, ssh:// or a folder.",
    ),
)


def explained(tail: str, source: str, *, local: bool = False, silent: float = 0) -> MipError:
    """Return the error that git's last words mean.

    tail
        What it said on stderr: a server's text is in it.
    source
        What to call where it came from; empty if nothing but this machine was at work.
    local
        Whether that is a file or folder of this machine.
    silent
        Seconds after which it was ended for saying nothing, or 0.
    """
    again = f"Look at the network and the proxy (https_proxy), then run it again. {KEPT}"
    if silent:
        return Unreachable(f"{source or 'git'} said nothing for {silent:.0f} s", hint=again)
    for pattern, kind, message, hint in MEANINGS:
        if re.search(pattern, tail):
            return kind(message.format(source=source or "the source"), hint=hint)
    words = _last_words(tail)
    if source and local:
        return Damaged(f"{source} is damaged: {words}", hint=f"Copy it from where it was made again. {KEPT}")
    if source:
        return Unreachable(f"{source} cannot be reached, or broke off: {words}", hint=again)
    return Damaged(f"git failed on this machine: {words}", hint=KEPT)


def _last_words(tail: str) -> str:
    """Return the first complaint of ssh or git, or its last line, made inert."""
    lines = [re.sub(r"unable to access '[^']*': ", "", line.strip()) for line in tail.splitlines() if line.strip()]
    for who in ("ssh", "fatal|error"):  # what ssh says is the reason of what git then says
        found = next(filter(None, (re.match(rf"(?:{who}): +(.*)", line) for line in lines)), None)
        if found:
            return printable(found[1], 160)
    return printable(lines[-1], 160) if lines else "it gave no reason"

"""A site's handover sheet: what a hospital's administrator needs to give us an account, on one machine, once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mip_salt.errors import Damaged
from mip_salt.federation.address import join_address
from mip_salt.federation.document import load
from mip_salt.federation.fingerprint import in_words
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.node_ids import role_of
from mip_salt.ssh import pins
from mip_salt.ssh.install import RESTRICT, RESTRICT_BASTION
from mip_salt.workflows.page import filled_page

TEMPLATE = Path(__file__).with_name("handover.md")
BLANK = "_" * 22
PLACES = {"master": "the master", "ui": "the web front end", "worker": "a worker"}
REPOSITORY = "mip-docker.list and mip-docker.gpg in /etc/apt"


@dataclass(frozen=True)
class Sheet:
    """One node's sheet.

    host_keys
        The pinned fingerprints, by the key's name; none for a node that is not configured yet.
    text
        The sheet, in Markdown of at most 80 columns.
    """

    node: str
    user: str
    host_keys: dict[str, str]
    text: str


def handover(folder: Folder, node: str, *, user: str = "mipadmin", by_password: bool = False) -> Sheet:
    """Return the sheet of a node, with blanks for what is not known yet; neither need exist, federation or node.

    node
        Its id.
    user
        The account to ask for; of a node that is configured, its own counts.
    by_password
        Ask for a password instead of having our key put in place.

    Raises ValueError if that is no node's id, Damaged if the federation's files are.
    """
    federation = load(folder) if folder.exists() else Federation(federation=folder.name)
    row = federation.nodes.get(node)
    user = row.user if row else user
    pinned = pins.read(folder.known_hosts).get(node, []) if row else []
    key, comment = ("", f"mip-salt:{folder.name}") if by_password else _identity(folder)
    settings = federation.settings
    role = str(role_of(node))
    kind = pinned[0].name if pinned else "ED25519"
    own = settings.docker.source == "docker-ce"
    text = filled_page(
        TEMPLATE,
        federation=folder.name,
        id=node,
        role=role,
        place=PLACES[role],
        user=user,
        root=user == "root",
        site=row and row.site,
        hostname=row and row.hostname,
        address=row and join_address(row.address, row.port),
        port=row.port if row else 22,
        bastion=row and row.bastion,
        blank=BLANK,
        key=key,
        comment=comment,
        options=RESTRICT_BASTION if node in {other.bastion for other in federation.nodes.values()} else RESTRICT,
        rule=f"{user} ALL=(root) NOPASSWD: ALL",
        key_file=f"/etc/ssh/ssh_host_{kind.lower()}_key.pub",
        pins=[
            {"name": key.name, "fingerprint": key.fingerprint, "words": _two_lines(in_words(key.fingerprint))}
            for key in pinned
        ],
        swarm="the workers" if role == "master" else "master, workers",
        peers=[
            {"id": other, "role": str(federation.nodes[other].role), "address": federation.nodes[other].address}
            for other in federation.ids()
            if other != node
        ],
        data=f"{settings.data.path}/{folder.name}",
        data_user=settings.data.user,
        data_group=settings.data.group,
        groups=", ".join(settings.data.groups),
        engine=f"docker-ce from {settings.docker.mirror}" if own else "the distribution's docker.io",
        repository=REPOSITORY if own else "",
        daemon=", ".join(sorted(settings.docker.daemon)),
        hosts=settings.hosts,
        time_sync=settings.time_sync,
        portainer=settings.portainer.image if settings.portainer.enabled and role == "master" else "",
    )
    return Sheet(node, user, {key.name: key.fingerprint for key in pinned}, text)


def _identity(folder: Folder) -> tuple[str, str]:
    """Return the identity's public key and its comment; no key while the federation has none."""
    comment = f"mip-salt:{folder.name}"
    try:
        words = folder.identity_public.read_text("ascii").split()
    except FileNotFoundError:
        return "", comment
    except (OSError, UnicodeDecodeError) as err:
        raise Damaged(
            f"{folder.identity_public} cannot be read: {getattr(err, 'strerror', None) or 'not plain text'}",
            hint="Restore it from a backup.",
        ) from err
    if len(words) != 3 or words[0] != "ssh-ed25519" or words[2] != comment:
        raise Damaged(f"{folder.identity_public} is not this federation's key", hint="Restore it from a backup.")
    return words[1], comment


def _two_lines(words: str) -> tuple[str, str]:
    each = words.split()
    half = len(each) // 2
    return " ".join(each[:half]), " ".join(each[half:])

"""The settings with which a federation runs in a lab: its stand-in images, and what this machine's kernel forces."""

from __future__ import annotations

from mip_salt.errors import UsageError
from mip_salt.federation.document import load, parse
from mip_salt.federation.files import write_if_changed
from mip_salt.federation.folder import Folder
from mip_salt.lab.node import LabNode

MARK = "  # A LAB'S SETTINGS, NEVER FOR PATIENTS' DATA: from here on, written by `mip-salt lab settings`."
IMAGES = "    stack: {image: mip-standin/exareme, resolve: never%s}"
KEYSTORE = ', keystore: "tasks.exareme-keystore:8500"'
# As the engine asks a kernel to encrypt a network; to addresses that are nobody's (RFC 5737).
ESP = "src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x6d6970"
CIPHER = f"mode transport aead 'rfc4106(gcm(aes))' 0x{'00' * 20} 64"


def lines(node: LabNode) -> list[str]:
    """Return the lines below ``mip:``, with what the kernel of a lab's node lacks told above what that forces."""
    esp = f"ip xfrm state add {ESP} {CIPHER} && ip xfrm state delete {ESP} && echo yes"
    encrypts = node.run(esp, check=False).strip() == "yes"
    balances = node.run("test -e /proc/net/ip_vs && echo yes", check=False).strip() == "yes"
    found = [MARK, "  settings:"]
    if not encrypts:
        found += [
            "    # This machine's kernel has no ESP: NOTHING BETWEEN THE NODES IS ENCRYPTED.",
            "    swarm: {encrypted: false}",
        ]
    if not balances:
        found += ["    # It has no IPVS: the keystore is found by its task, not by its service's address."]
    found += ["    # Images built here, which compute nothing; there is no registry to ask."]
    return [*found, IMAGES % ("" if balances else KEYSTORE)]


def put(folder: Folder, node: LabNode) -> list[str]:
    """Write them into a federation that has no settings yet; return its lines, or nothing if they are there.

    Raises UsageError if it has others.
    """
    wanted = lines(node)
    text = folder.document.read_text("utf-8")
    if MARK in text:
        return []
    federation = load(folder)
    if "settings" in federation.model_fields_set:
        raise UsageError(
            f"{folder.name} has settings already",
            hint="Put these in by hand:\n" + "\n".join(wanted),
        )
    fresh = text.rstrip("\n") + "\n" + "\n".join(wanted) + "\n"
    parse(fresh, folder.name)
    write_if_changed(folder.document, fresh)
    return wanted

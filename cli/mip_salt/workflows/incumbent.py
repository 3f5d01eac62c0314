"""Turn a federation of the incumbent into wishes for nodes, and write down what else of it is kept."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_salt.errors import UsageError
from mip_salt.federation.document import load, parse, put_missing
from mip_salt.federation.files import write_if_changed
from mip_salt.federation.folder import Folder
from mip_salt.federation.journal import note
from mip_salt.federation.model import Access, Node
from mip_salt.federation.node_ids import role_of
from mip_salt.federation.nodes_file import NodesFile, NodeWish
from mip_salt.incumbent.files import CONFIG
from mip_salt.incumbent.nodes import Found
from mip_salt.incumbent.read import Incumbent
from mip_salt.incumbent.settings import Kept
from mip_salt.printable import printable
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.workflows.record import switch


@dataclass(frozen=True)
class Plan:
    """What an import would do.

    nodes
        Those chosen.
    here
        The federation's own nodes by now: what has an id of theirs is left as it is.
    given
        Ids of the nodes whose password the operator gives himself.
    """

    folder: Folder
    incumbent: Incumbent
    nodes: Sequence[Found]
    here: Mapping[str, Node]
    given: Collection[str]

    @property
    def fresh(self) -> list[Found]:
        """Return the nodes to make ours."""
        return [node for node in self.nodes if node.id not in self.here]

    def becomes(self, node: Found) -> str:
        """Say what becomes of a node."""
        ours = self.here.get(node.id)
        if ours:
            return "is here already" + ("" if ours.address == node.address else f", at {ours.address}")
        return "imported" if node.enabled else "imported, disabled"

    def password(self, node: Found) -> str:
        """Say where a node's password comes from."""
        if node.id in self.here:
            return "not needed"
        return "given by you" if node.id in self.given else "its vault's" if node.password else "asked for"

    def warnings(self) -> list[str]:
        """Return what the operator should know before he confirms."""
        name, theirs = self.folder.name, self.incumbent.source.federation
        told = [str(flaw) for flaw in self.incumbent.flaws]
        if theirs and theirs != name:
            told.append(
                f"Its name was {printable(theirs, 60)}, and its data lie in a folder of that name: "
                f"{name} looks for them in one called {name}."
            )
        return told


def refuse_shared_folder(folder: Folder, place: Path) -> None:
    """Raise UsageError if our folder would be the incumbent's: its exareme lies where versions of ours will."""
    home = folder.path.resolve()
    theirs = place.resolve()
    shared = place.is_dir() and (theirs in (home, *home.parents) or home in theirs.parents)
    if shared or (folder.path / "exareme" / CONFIG).exists():
        raise UsageError(
            f"{folder.path} is the incumbent's own folder, which an import leaves as it is",
            hint="Give this federation another root, here and in every command (or in MIP_SALT_ROOT), for example\n"
            f"  mip-salt --root /srv/mip -f {folder.name} import {place}\n"
            f"or move the incumbent's away first: mv {folder.path} {folder.path}.incumbent",
        )


def chosen(incumbent: Incumbent, wanted: Collection[str]) -> list[Found]:
    """Return the nodes to import, all of them if none is named.

    Raises UsageError for an id that the incumbent has not.
    """
    known = [node.id for node in incumbent.nodes]
    strange = sorted(set(wanted) - set(known))
    if strange:
        raise UsageError(
            f"the incumbent has no node {', '.join(strange)} that can be imported",
            hint=f"It has: {', '.join(known) or 'none'}",
        )
    return [node for node in incumbent.nodes if not wanted or node.id in wanted]


def nodes_file(name: str, nodes: Sequence[Found], host_keys: Mapping[str, str]) -> NodesFile:
    """Return nodes as `configure --from` wishes for them.

    host_keys
        Id → fingerprint that the operator knows.
    """
    wishes = {
        node.id: NodeWish(
            role=role_of(node.id),
            address=node.address,
            port=node.port,
            user=node.user,
            hostname=node.hostname,
            password=node.password,
            host_key=host_keys.get(node.id),
        )
        for node in nodes
    }
    return NodesFile(federation=name, nodes=wishes)


def as_text(file: NodesFile, incumbent: Incumbent, disabled: Collection[str]) -> str:
    """Return a nodes file for the operator to complete: without passwords, with room for host keys."""
    name = file.federation
    lines = [
        f"# From {json.dumps(str(incumbent.source.place))}, by mip-salt import. Complete the host keys; then run",
        f"#   mip-salt -f {name} configure --from FILE",
        "# A host key is what the node's own console says: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        "# Passwords: asked for, or in MIP_SALT_PASSWORD_MS, MIP_SALT_PASSWORD_WK1, … in the environment.",
        f"federation: {json.dumps(name)}",
        "nodes:",
    ]
    for node, wish in file.nodes.items():
        lines.append(f"  {node}:{'  # disabled there: mip-salt node disable' if node in disabled else ''}")
        row: dict[str, Any] = wish.model_dump(mode="json", include=set(Access.model_fields), exclude_none=True)
        lines += [f"    {key}: {json.dumps(value)}" for key, value in row.items()]
        lines.append(f"    host_key: {json.dumps(wish.host_key)}" if wish.host_key else '    # host_key: "SHA256:…"')
    return "\n".join(lines)


def keep(folder: Folder, kept: Sequence[Kept]) -> None:
    """Write versions and settings down where the federation has none of its own."""
    before = text = folder.document.read_text("utf-8")
    for value in kept:
        text = put_missing(text, value.place, value.value)
    if text != before:
        parse(text, folder.name)  # what we would not read back is not written
        write_if_changed(folder.document, text)
        note(folder, "imported", result=" ".join(f"{value.name}={value.value}" for value in kept))


def disable(folder: Folder, nodes: Sequence[Found], results: Sequence[NodeResult]) -> list[str]:
    """Disable the nodes that were disabled at the incumbent's, and are new here; return their ids."""
    fresh = {result.id for result in results if result.kind is Kind.CHANGED}
    off = [node.id for node in nodes if not node.enabled and node.id in fresh and node.id in load(folder).nodes]
    for name in off:
        switch(folder, name, on=False)
    return off

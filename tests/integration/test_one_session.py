"""A command's connections stay open while it asks a node more than one thing; what it knows of the node is of now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.asking import VICTIM
from mip_salt.remote.results import Kind
from mip_salt.remote.run import Session
from mip_salt.vault.gpg import kill_agent

pytestmark = pytest.mark.lab

ADDRESS = "192.0.2.99"
MOVES = f"moves:\n  cmd.run:\n    - name: ip address add {ADDRESS}/32 dev lo\n"
KNOWN = f"'{ADDRESS}' in grains['ipv4']"
KNOWS = f"knows:\n  test.{{{{ 'nop' if {KNOWN} else 'fail_without_changes' }}}}: []\n"


@pytest.fixture
def states(fed: Any, lab: Any) -> Iterator[None]:
    """Give the federation a state that gives a node another address, and one that fails where it is not known."""
    files = {"moves": MOVES, "knows": KNOWS}
    for name, text in files.items():
        (fed.folder.states / f"{name}.sls").write_text(text)
    try:
        yield
    finally:
        for name in files:
            (fed.folder.states / f"{name}.sls").unlink()
        lab.node(VICTIM).run(f"ip address delete {ADDRESS}/32 dev lo", check=False)


def test_what_states_changed_on_a_node_is_known_to_those_that_are_compiled_next(fed, states):
    with Session(fed.folder, fed.federation, jobs=1) as session:

        def applied(name: str) -> Kind:
            (result,) = session.run([VICTIM], "state.apply", [name], deadline=60)
            return result.kind

        assert [applied(name) for name in ("knows", "moves", "knows")] == [Kind.FAILED, Kind.CHANGED, Kind.OK]


def test_a_nodes_entry_is_opened_once_in_a_command_and_anew_in_the_next(fed):
    hostname = fed.federation.nodes[VICTIM].hostname

    def told(session: Session) -> Any:
        (result,) = session.run([VICTIM], "pillar.get", ["mip:identity:hostname"], deadline=60)
        return result.data

    with Session(fed.folder, fed.federation, jobs=1) as session:
        assert told(session) == hostname
        kill_agent(fed.folder.gnupg)
        assert told(session) == hostname
    with Session(fed.folder, fed.federation, jobs=1) as session:
        assert told(session) != hostname

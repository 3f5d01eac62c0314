"""How a conversation with a node ended, as the operator is told of it."""

from pathlib import Path

from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.endings import read
from mip_salt.remote.results import Kind
from mip_salt.remote.returns import Asked

FEDERATION = Federation.model_validate(
    {"federation": "brain", "nodes": {"wk1": {"role": "worker", "address": "10.0.0.2"}}}
)
ASKED = Asked(Folder(Path("/opt/brain")), FEDERATION, "wk1", "state.apply", "again")


def test_a_node_that_stopped_for_the_operator_says_where_and_which_command_goes_on():
    stopped = read(ASKED, {"refused": "x", "data": {"done": 12, "total": 14, "state": "cmd.run slow"}}, 0)
    assert (stopped.kind, stopped.command) == (Kind.INTERRUPTED, "again")
    assert stopped.error == "stopped by the operator; it was in cmd.run slow, after 12 of 14 states"


def test_a_node_that_another_run_holds_says_whose():
    busy = read(ASKED, {"refused": "b", "data": {"who": "eve@seat, federation brain, pid 7", "seconds": 5}}, 0)
    assert (busy.kind, busy.command) == (Kind.BUSY, "again")
    assert "states run on it already: by eve@seat, federation brain, pid 7, since 20" in busy.error

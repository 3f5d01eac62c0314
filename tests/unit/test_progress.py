"""The line that a node has while a run goes on."""

import pytest
from mip_salt.commands.progress import ProgressLines
from mip_salt.remote.results import Kind, NodeResult, Progress
from mip_salt.terminal import Terminal
from mip_salt.workflows.apply import Event

AT = Progress("ms", 3, 12, "file.directory mip-data")
DONE = NodeResult("ms", Kind.CHANGED, changed=2, seconds=1.25)


def test_on_a_terminal_every_node_has_a_line_with_its_count_and_the_state_in_hand():
    drawn = []
    progress = ProgressLines(Terminal(), drawn.append, test=False)
    progress(Event("skipped", "wk2"))
    progress(Event("started", "ms"))
    assert drawn[-1] == [("wk2", "disabled", "skipped"), ("ms", "working", "0 s")]
    progress(Event("progress", "ms", progress=AT))
    assert drawn[-1][1] == ("ms", "working", "3/12  0 s  file.directory mip-data")
    progress(Event("done", "ms", DONE))
    assert drawn[-1][1] == ("ms", "changed", "2 changed, 0 failed, 1.2 s")


@pytest.mark.parametrize(("verbosity", "told"), [(0, ""), (1, "ms: working: 3/12  0 s  file.directory mip-data\n")])
def test_off_a_terminal_a_node_is_told_when_it_begins_and_ends_and_its_states_with_v(capsys, verbosity, told):
    progress = ProgressLines(Terminal(verbosity=verbosity), None, test=True)
    for event in (
        Event("started", "ms"),
        Event("tick"),
        Event("progress", "ms", progress=AT),
        Event("done", "ms", DONE),
    ):
        progress(event)
    assert capsys.readouterr().err == f"ms: working\n{told}ms: changed: 2 to change, 0 failed, 1.2 s\n"

"""What an apply runs after its first round, and in which order; nodes are stand-ins that answer."""

import pytest
from mip_salt.federation.document import parse
from mip_salt.federation.folder import Folder
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.run import Session
from mip_salt.remote.states import StateRow, StateRun
from mip_salt.workflows import apply as workflow

FEDERATION = parse(
    "mip: {federation: brain, nodes: {ms: {role: master, address: a, hostname: brain-ms}, ui: {role: ui, address: b}}}",
    "brain",
)


def result(node, well, *functions, sls=""):
    rows = tuple(StateRow(name, name, name, well, "", (), sls=sls) for name in functions)
    failed = 0 if well else len(rows)
    kind = Kind.OK if well else Kind.FAILED
    return NodeResult(node, kind, data=StateRun(rows, len(rows) - failed, 0, failed), failed=failed)


def master(well=True):
    return result("ms", well, "mip_swarm.manager", "mip_swarm_network.present")


def ui(well):
    return result("ui", well, "mip_web.answers", sls="mip.ui")


@pytest.fixture
def rounds(monkeypatch, tmp_path):
    """Let each round of an apply be answered; return which states ran where, and with which patience."""
    folder = Folder(tmp_path / "brain")
    folder.create()

    def applied(*answers):
        ran, left, sessions = [], list(answers), set()

        def run(session, nodes, _, sls, *__, pillar=None, **___):
            sessions.add(session)
            ran.append((tuple(nodes), tuple(sls), ((pillar or {}).get("mip") or {}).get("patience")))
            answer = {one.id: one for one in left.pop(0)}
            return (answer[name] for name in nodes)

        monkeypatch.setattr(Session, "run", run)
        found = workflow.apply(folder, FEDERATION, ["ms", "ui"])
        assert len(sessions) == 1, "every round is over the same connections"
        return ran, {one.id: one.kind for one in found.results}, found.to_come

    return applied


FIRST = (("ms", "ui"), (), workflow.PATIENCE)


def test_a_ui_that_finds_the_master_at_work_looks_again_with_all_patience_when_that_is_done(rounds):
    assert rounds([master(), ui(False)], [ui(True)]) == (
        [FIRST, (("ui",), ("mip.ui",), None)],
        {"ms": Kind.OK, "ui": Kind.OK},
        [],
    )


def test_one_that_does_not_find_it_then_has_failed(rounds):
    assert rounds([master(), ui(False)], [ui(False)])[1] == {"ms": Kind.OK, "ui": Kind.FAILED}


def test_after_a_master_that_failed_nobody_looks(rounds):
    ran, kinds, _ = rounds([master(False), ui(False)])
    assert (ran, kinds) == ([FIRST], {"ms": Kind.FAILED, "ui": Kind.FAILED})


def test_where_all_is_well_one_round_is_all(rounds):
    assert rounds([master(), ui(True)])[0] == [FIRST]

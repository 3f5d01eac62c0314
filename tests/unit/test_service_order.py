"""How a service command goes on when a node does not do its part, and what is told and remembered of it."""

import pytest
from mip_salt.federation import seen
from mip_salt.federation.document import parse
from mip_salt.federation.folder import Folder
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.run import Session
from mip_salt.remote.states import StateRow, StateRun
from mip_salt.workflows.service import Wish, plan, serve

AGAIN = "mip-salt -f brain service VERB"
FEDERATION = parse(
    "mip: {federation: brain, nodes: {ms: {role: master, address: a, hostname: brain-ms}, "
    "ui: {role: ui, address: b, hostname: brain-ui}, wk1: {role: worker, address: c, hostname: brain-wk1}}}",
    "brain",
)


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    return folder


@pytest.fixture
def nodes(monkeypatch):
    """Nodes that end as they are told to, and note what they were asked; else all is well with them."""
    kinds, rows, asked = {}, {}, []

    def run(_session, names, function, args=(), kwargs=None, *, pillar=None, **_):
        asked.append((tuple(names), *args, kwargs, pillar))
        for name in names:
            yield NodeResult(name, kinds.get(name, Kind.CHANGED), command="salt-ssh …", data=rows.get(name))

    monkeypatch.setattr(Session, "run", run)
    run.kinds, run.rows, run.asked = kinds, rows, asked
    return run


def served(folder, verb, *names, **more):
    return serve(folder, FEDERATION, plan(folder, FEDERATION, Wish(verb, names)), again=AGAIN, **more)


def test_a_start_does_not_wait_at_the_ui_for_a_master_that_is_not_reached(folder, nodes):
    nodes.kinds["ms"] = Kind.UNREACHABLE
    applied = served(folder, "start")
    assert [result.id for result in applied.results] == ["ms"]
    assert [phase.name for phase in applied.to_come] == ["ui"]


def test_a_start_goes_on_where_a_worker_failed(folder, nodes):
    nodes.kinds["ms"] = Kind.FAILED
    applied = served(folder, "start")
    assert [(result.id, result.kind) for result in applied.results] == [("ms", Kind.FAILED), ("ui", Kind.CHANGED)]
    assert applied.to_come == []


def test_a_stop_stops_what_it_can_reach(folder, nodes):
    nodes.kinds["ui"] = Kind.UNREACHABLE
    applied = served(folder, "stop")
    assert [(result.id, result.kind) for result in applied.results] == [("ms", Kind.CHANGED), ("ui", Kind.UNREACHABLE)]


def test_an_interrupted_one_begins_nothing_more(folder, nodes):
    nodes.kinds["ui"] = Kind.INTERRUPTED
    applied = served(folder, "stop")
    assert [phase.name for phase in applied.to_come] == ["stacks"]


def test_the_states_are_told_which_nodes_they_are_about(folder, nodes):
    served(folder, "restart", "wk1", test=True)
    given = {"mip": {"service": {"exareme": True, "portainer": "", "nodes": ["wk1"]}}}
    assert nodes.asked == [(("ms",), "mip.stacks.restarted", {"test": True}, given)]


def test_what_does_it_again_is_the_command_that_knows_which_nodes_it_is_about(folder, nodes):
    assert {result.command for result in served(folder, "stop").results} == {AGAIN}


@pytest.mark.parametrize("verb", ["deploy", "start", "stop", "restart"])
def test_it_is_no_apply_that_status_would_tell_of(folder, nodes, verb):
    served(folder, verb)
    assert seen.read(folder).of("ms").apply is None


def test_a_deploy_is_the_work_of_all_nodes_that_it_is_about_side_by_side(folder, nodes):
    served(folder, "deploy", "wk1")
    assert [row[:2] for row in nodes.asked] == [(("ms", "wk1"), "mip.service.deployed")]


def test_a_deploy_of_some_nodes_tells_those_whose_stacks_it_deploys_and_one_of_all_tells_every_node(folder, nodes):
    swarm = ("mip_swarm.manager", "mip_swarm_network.present")
    for name, states in {"ms": dict.fromkeys(swarm, True), "wk1": {"mip_swarm.joined": None}}.items():
        nodes.rows[name] = StateRun([StateRow(one, "", one, done, "", ()) for one, done in states.items()], 0, 0, 0)
    told = [served(folder, "deploy", *names, test=True).to_come[1].told for names in (("wk1",), ())]
    assert told == ["deploys exareme on wk1", "deploys exareme on every node"]

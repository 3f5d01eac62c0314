"""How workers join: who must, what is done then and in which order, and what is told of two runs on a node."""

from dataclasses import replace

import pytest
from mip_salt.errors import NodeFailed
from mip_salt.federation.document import parse
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.states import StateRow, StateRun
from mip_salt.workflows.joining import CHECK, kept_out, key_from, merged, phases, without

FEDERATION = parse(
    "mip: {federation: brain, nodes: {ms: {role: master, address: a, hostname: brain-ms}, ui: {role: ui, address: b}, "
    "wk1: {role: worker, address: c, hostname: brain-wk1}, wk2: {role: worker, address: d, hostname: brain-wk2}}}",
    "brain",
)
TOKEN = "SWMTKN-1-" + "a" * 50 + "-" + "b" * 25
KEY = {"token": TOKEN, "manager_id": "m" * 25, "address": "10.0.0.11", "known": ["m" * 25, "w" * 25]}


def row(function, result=True, name="", changes=(), sls="", state=""):
    return StateRow(state or f"{function}-{name}", name, function, result, "", changes, sls=sls)


def result(node, *rows):
    failed, changed = sum(r.result is False for r in rows), sum(r.would_change for r in rows)
    kind = Kind.FAILED if failed else Kind.CHANGED if changed else Kind.OK
    data = StateRun(rows, len(rows) - changed - failed, changed, failed)
    return NodeResult(node, kind, data=data, seconds=2.0, changed=changed, failed=failed)


def master(*missing, manager=True):
    members = [
        row("mip_swarm_node.member", f"brain-{one}" not in missing, f"brain-{one}") for one in ("ms", "wk1", "wk2")
    ]
    return result("ms", row("mip_swarm.manager", manager), row("mip_swarm_network.present", manager), *members)


def worker(node, joined=True):
    return result(node, row("mip_swarm.joined", joined))


def ui(reaches=True):
    return result("ui", row("mip_web.answers", reaches, sls="mip.ui"))


def told(*results):
    return [(phase.name, phase.nodes) for phase in phases(FEDERATION, results)]


def test_where_all_have_joined_nothing_follows():
    assert told(master(), ui(), worker("wk1"), worker("wk2")) == []


def test_workers_that_have_not_joined_do_then_the_master_deploys_and_the_ui_looks_again():
    found = told(master("brain-wk1"), ui(False), worker("wk1", False), worker("wk2"))
    assert found == [("join", ("wk1",)), ("stacks", ("ms",)), ("ui", ("ui",))]


def test_a_ui_that_did_not_wait_for_the_master_looks_again_once_that_has_done_its_work():
    assert told(master(), ui(False), worker("wk1")) == [("ui", ("ui",))]
    undone = replace(master(), kind=Kind.FAILED)
    assert told(undone, ui(False), worker("wk1")) == []


def test_only_the_workers_are_given_the_key():
    todo = phases(FEDERATION, [master("brain-wk1"), worker("wk1", False)])
    assert [(phase.name, phase.keyed) for phase in todo] == [("join", True), ("stacks", False)]


def test_the_stacks_are_told_by_the_nodes_that_were_chosen():
    results = [master("brain-wk1"), worker("wk1", False)]
    assert [phases(FEDERATION, results, chosen)[1].told for chosen in ((), ("wk1",), ("ms", "wk1"))] == [
        "deploys exareme on every node",
        "deploys exareme on wk1",
        "deploys exareme on ms, wk1",
    ]


def test_a_ui_that_is_well_is_left_alone():
    assert told(master("brain-wk1"), ui(), worker("wk1", False))[-1] == ("stacks", ("ms",))


def test_a_worker_that_the_manager_removed_joins_anew_though_it_does_not_know_of_it():
    assert told(master("brain-wk2"), worker("wk1"), worker("wk2"))[0] == ("join", ("wk2",))


def test_a_trial_tells_the_same_phases():
    assert told(master("brain-wk1"), worker("wk1", None))[0] == ("join", ("wk1",))


@pytest.mark.parametrize(
    "results",
    [
        [worker("wk1", False)],
        [master(manager=False), worker("wk1", False)],
        [NodeResult("ms", Kind.UNREACHABLE), worker("wk1", False)],
        [result("ms", row("mip_docker.running")), worker("wk1", False)],
    ],
)
def test_without_a_master_that_holds_a_swarm_nobody_joins(results):
    assert told(*results) == []


def test_a_worker_that_was_not_reached_or_has_no_version_does_not_join():
    assert told(master("brain-wk1"), NodeResult("wk1", Kind.UNREACHABLE), result("wk2", row("a.b"))) == []


# --- the key -----------------------------------------------------------------------------------------------------


def test_what_the_manager_says_of_its_key_is_taken():
    assert key_from({**KEY, "more": 1}) == KEY


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "SWMTKN",
        {},
        {**KEY, "token": "$(id)"},
        {**KEY, "token": TOKEN + "\n"},
        {**KEY, "manager_id": None},
        {**KEY, "known": "all"},
        {**KEY, "known": [1]},
        {**KEY, "known": ["../../x"]},
    ],
)
def test_what_is_no_key_is_not_handed_on(said):
    assert key_from(said) is None


# --- two runs ----------------------------------------------------------------------------------------------------


def test_the_later_run_says_how_it_is_and_both_say_what_changed():
    before = result("wk1", row("a.b", changes=("x",)), row("mip_swarm.joined", False))
    after = result("wk1", row("a.b"), row("mip_swarm.joined", changes=("swarm",)))
    both = merged(before, after)
    assert (both.kind, both.changed, both.failed, both.seconds) == (Kind.CHANGED, 2, 0, 4.0)
    assert [r.result for r in both.data.rows] == [True, True]


def test_what_only_the_first_ran_stays_also_its_failures():
    both = merged(result("wk1", row("a.b", False), row("c.d", False)), result("wk1", row("c.d")))
    assert (both.kind, both.failed, both.data.ok) == (Kind.FAILED, 1, 1)


def test_a_failure_of_the_later_run_is_one():
    both = merged(result("wk1", row("a.b", changes=("x",))), result("wk1", row("a.b", False)))
    assert (both.kind, both.changed, both.failed) == (Kind.FAILED, 0, 1)


def test_a_node_that_was_lost_in_between_is_told_as_lost():
    lost = NodeResult("wk1", Kind.UNREACHABLE, error="gone", seconds=1.0)
    both = merged(result("wk1", row("a.b", changes=("x",))), lost)
    assert (both.kind, both.error, both.seconds, both.changed) == (Kind.UNREACHABLE, "gone", 3.0, 1)


def test_a_worker_that_is_kept_out_says_why_where_it_would_have_joined():
    err = NodeFailed("it cannot join the swarm: 7946/udp", node="wk1", hint="Look.")
    found = kept_out(worker("wk1", joined=False), err)
    assert (found.kind, found.error, found.hint) == (Kind.FAILED, err.message, "Look.")
    assert [row.comment for row in found.data.rows if row.result is False] == [err.message]


def test_the_others_join_without_it_and_if_there_are_none_nothing_follows():
    todo = [replace(CHECK, keyed=True, nodes=("wk1", "wk2")), replace(CHECK, nodes=("ms",))]
    assert [phase.nodes for phase in without(todo, ["wk1"])] == [("wk2",), ("ms",)]
    assert without(todo, ["wk1", "wk2"]) == []

"""What becomes of a worker's tasks when it is disabled, enabled or removed, and what is said where that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mip_salt.federation.document import parse
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.workflows import in_swarm

TEXT = (
    "mip: {{federation: brain, nodes: {{"
    "ms: {{role: master, address: 10.0.0.11, hostname: brain-ms, enabled: {master}}}, "
    "ui: {{role: ui, address: 10.0.0.12, hostname: brain-ui}}, "
    "wk1: {{role: worker, address: 10.0.0.21, hostname: brain-wk1}}, "
    "wk2: {{role: worker, address: 10.0.0.22, hostname: brain-wk2, enabled: false}}}}}}"
)
FEDERATION = parse(TEXT.format(master="true"), "brain")
FOLDER = Folder(Path("/opt/brain"))
UNREACHABLE = NodeResult("ms", Kind.UNREACHABLE, error="10.0.0.11 is not reachable: no answer in time", hint="Wait.")
READY = {"state": "ready", "availability": "active"}

Asked = list[tuple[str, str, tuple[Any, ...]]]
Nodes = Callable[[dict[str, Any]], Asked]


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """Let nodes answer: by function, with data, or with a whole result; return what they were asked."""
    asked: Asked = []

    def answering(answers: dict[str, Any]) -> Asked:
        def run(_: Folder, federation: Federation, names: Sequence[str], function: str, args: Any, **__: Any) -> Any:
            (name,) = names
            assert federation.nodes[name].enabled  # else nobody is asked
            asked.append((name, function, tuple(args)))
            answer = answers.get(function)
            result = answer if isinstance(answer, NodeResult) else NodeResult(name, Kind.OK, answer)

            def one() -> Iterator[NodeResult]:
                yield result

            return one()

        monkeypatch.setattr(in_swarm, "run", run)
        monkeypatch.setattr(in_swarm, "in_use", lambda _: object())
        return asked

    return answering


def switched(work: bool, federation: Federation = FEDERATION) -> NodeResult:
    (result,) = in_swarm.let_work(FOLDER, federation, ["wk1"], work=work)
    return result


# --- disable and enable -------------------------------------------------------------------------------------------


def test_without_a_version_nothing_runs_on_any_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_swarm, "in_use", lambda _: None)
    assert in_swarm.workers(FOLDER, FEDERATION, ["ms", "ui", "wk1"]) == []
    assert in_swarm.take_out(FOLDER, FEDERATION, "wk1", lambda *_: None) == []


def test_only_workers_have_tasks_that_come_and_go(nodes: Nodes) -> None:
    nodes({})
    assert in_swarm.workers(FOLDER, FEDERATION, ["ms", "ui", "wk1", "wk2"]) == ["wk1", "wk2"]


def test_a_disabled_worker_is_drained_and_its_tasks_are_waited_for(nodes: Nodes) -> None:
    asked = nodes({"mip_swarm_node.let_work": [READY], "mip_swarm_node.at_work": 0})
    result = switched(False)
    assert (result.id, result.kind, result.hint) == ("wk1", Kind.CHANGED, "drained: no task runs on it")
    assert asked == [
        ("ms", "mip_swarm_node.let_work", ("brain-wk1", False)),
        ("ms", "mip_swarm_node.at_work", ("brain-wk1", in_swarm.AGAIN)),
    ]


def test_tasks_that_do_not_end_are_a_failure(nodes: Nodes) -> None:
    nodes({"mip_swarm_node.let_work": [READY], "mip_swarm_node.at_work": 1})
    result = switched(False)
    assert (result.kind, "tasks still run on it" in result.error) == (Kind.FAILED, True)


def test_an_enabled_workers_tasks_run_again(nodes: Nodes) -> None:
    drained = {**READY, "availability": "drain"}
    nodes({"mip_swarm_node.let_work": [drained], "mip_stack.wait": {"wanted": 1, "running": 1, "why": []}})
    result = switched(True)
    assert (result.kind, result.hint) == (Kind.CHANGED, "its tasks run again")


@pytest.mark.parametrize(
    ("known", "waited", "said"),
    [
        ([], None, "has not joined the swarm"),
        ([{**READY, "state": "down"}], None, "its machine is down, as the master sees it"),
        ([READY], {"wanted": 0, "running": 0}, "no stack yet, which apply deploys"),
    ],
)
def test_what_cannot_run_again_yet_says_what_it_waits_for(nodes: Nodes, known: Any, waited: Any, said: str) -> None:
    nodes({"mip_swarm_node.let_work": known, "mip_stack.wait": waited})
    result = switched(True)
    assert (result.kind, said in result.hint) == (Kind.OK, True)


def test_tasks_that_do_not_run_again_are_a_failure_with_the_reason_made_inert(nodes: Nodes) -> None:
    waited = {"wanted": 1, "running": 0, "why": ["no suitable node\x1b[2J"]}
    nodes({"mip_swarm_node.let_work": [READY], "mip_stack.wait": waited})
    result = switched(True)
    assert (result.id, result.kind) == ("wk1", Kind.FAILED)
    assert "no suitable node" in result.error
    assert "\x1b" not in result.error


@pytest.mark.parametrize("said", [None, "all", [1, None], {"state": "ready"}])
def test_an_answer_that_is_none_stands_for_no_node(nodes: Nodes, said: Any) -> None:
    nodes({"mip_swarm_node.let_work": said})
    assert switched(False).hint == "it has not joined the swarm, so nothing runs on it"


def test_a_master_that_does_not_answer_is_told_with_what_the_next_apply_does(nodes: Nodes) -> None:
    nodes({"mip_swarm_node.let_work": UNREACHABLE})
    result = switched(False)
    assert (result.id, result.kind) == ("wk1", Kind.UNREACHABLE)
    assert result.error.startswith("the master does not do it: 10.0.0.11 is not reachable")
    assert result.hint == "Wait. The next apply drains it: mip-salt -f brain apply"


def test_a_master_that_is_disabled_itself_is_asked_nothing(nodes: Nodes) -> None:
    asked = nodes({})
    result = switched(True, parse(TEXT.format(master="false"), "brain"))
    assert (result.kind, asked) == (Kind.FAILED, [])
    assert "node enable ms. The next apply lets its tasks run again" in result.hint


# --- remove -------------------------------------------------------------------------------------------------------


def taken_out(name: str) -> list[str]:
    return in_swarm.take_out(FOLDER, FEDERATION, name, lambda *_: None)


@pytest.mark.parametrize("name", ["wk1", "wk2"])
def test_a_workers_stack_goes_then_it_leaves_then_the_master_forgets_it_also_a_disabled_one(
    nodes: Nodes, name: str
) -> None:
    asked = nodes({})
    assert taken_out(name) == []
    assert asked == [
        ("ms", "mip_stack.remove", (f"brain-{name}",)),
        (name, "mip_swarm.leave", ("10.0.0.11",)),
        ("ms", "mip_swarm_node.remove", (f"brain-{name}",)),
    ]


def test_where_the_master_does_not_answer_the_worker_leaves_all_the_same_and_what_stays_is_told(nodes: Nodes) -> None:
    asked = nodes({"mip_stack.remove": UNREACHABLE})
    (stays,) = taken_out("wk1")
    assert "docker stack rm brain-wk1; docker node rm --force brain-wk1" in stays
    assert [function for _, function, _ in asked] == ["mip_stack.remove", "mip_swarm.leave"]


def test_where_the_worker_does_not_answer_the_master_forgets_it_all_the_same(nodes: Nodes) -> None:
    asked = nodes({"mip_swarm.leave": NodeResult("wk1", Kind.UNREACHABLE, error="no route to it")})
    assert taken_out("wk1") == [
        "Its engine may still take itself for a worker (no route to it). There: docker swarm leave"
    ]
    assert asked[-1][1] == "mip_swarm_node.remove"


@pytest.mark.parametrize(("name", "how"), [("ms", "docker swarm leave --force"), ("ui", "docker rm --force")])
def test_what_runs_on_a_master_or_ui_stays_and_the_command_that_ends_it_is_told(
    nodes: Nodes, name: str, how: str
) -> None:
    asked = nodes({})
    (stays,) = taken_out(name)
    assert (how in stays, asked) == (True, [])

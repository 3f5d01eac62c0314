"""Nodes come and go in a swarm, as the manager is asked to have it; before a mock of its engine."""

import os
from contextlib import suppress

import pytest
from mock_engine import MANAGER, OURS, WORKER
from mock_engine import node as entry
from salt.exceptions import CommandExecutionError


@pytest.fixture
def modules(node):
    return node.loaders.modules


@pytest.fixture
def noted(node):
    return node.folder / "var" / "lib" / "mip-salt" / "swarm"


@pytest.fixture
def port(node):
    """A port that the networks of a swarm hold, of those that a kernel tells."""
    table = node.folder / "proc" / "net" / "tcp6"
    table.parent.mkdir(parents=True)
    table.write_text(f"  sl  local_address\n   0: {'0' * 32}:1F0A {'0' * 32}:0000 0A 00000000:00000000\n")
    return table


def availability(engine):
    return {one["ID"]: one["Spec"]["Availability"] for one in engine.nodes if one["ID"] != MANAGER}


def test_every_entry_of_a_hostname_is_drained_dead_or_alive_and_told_as_it_was(modules, engine):
    engine.nodes += [entry("brain-wk1"), entry("brain-wk1", "d" * 25, state="down"), entry("brain-wk2", "e" * 25)]
    was = modules["mip_swarm_node.let_work"]("brain-wk1", False)
    assert [(one["availability"], one["state"]) for one in was] == [("active", "ready"), ("active", "down")]
    assert availability(engine) == {WORKER: "drain", "d" * 25: "drain", "e" * 25: "active"}


def test_what_is_as_it_should_be_is_left_alone(modules, engine):
    engine.nodes.append(entry("brain-wk1", availability="drain"))
    modules["mip_swarm_node.let_work"]("brain-wk1", False)
    assert engine.changing == []
    modules["mip_swarm_node.let_work"]("brain-wk1", True)
    assert availability(engine) == {WORKER: "active"}


def test_tasks_are_counted_that_have_not_ended_on_nodes_that_live(modules, engine):
    engine.nodes.append(entry("brain-wk1"))
    engine.tasks = ["running", "starting", "shutdown", "failed", "orphaned", "pending"]
    assert modules["mip_swarm_node.at_work"]("brain-wk1") == 2
    engine.nodes[-1]["Status"]["State"] = "down"
    assert modules["mip_swarm_node.at_work"]("brain-wk1") == 0


def test_a_worker_is_taken_off_the_list_dead_or_alive_and_a_manager_never(modules, engine):
    engine.nodes += [entry("brain-wk1"), entry("brain-wk1", "d" * 25, state="down")]
    assert modules["mip_swarm_node.remove"]("brain-wk1") == [WORKER, "d" * 25]
    assert modules["mip_swarm_node.remove"]("brain-ms") == []
    assert [one["ID"] for one in engine.nodes] == [MANAGER]


def test_a_worker_leaves_the_swarm_of_the_manager_that_is_meant(modules, engine, noted):
    engine.working()
    modules["mip_swarm.note"]()
    assert modules["mip_swarm.leave"](OURS)["state"] == "inactive"
    assert not noted.exists()
    assert modules["mip_swarm.leave"](OURS)["state"] == "inactive"


def test_it_leaves_the_one_that_we_had_it_join_wherever_its_manager_is(modules, engine):
    engine.working("10.0.0.99")
    modules["mip_swarm.note"]()
    assert modules["mip_swarm.leave"](OURS)["state"] == "inactive"


def test_it_stays_in_the_swarm_of_another(modules, engine, noted):
    engine.working("10.9.9.9")
    noted.parent.mkdir(parents=True)
    noted.write_text("z" * 25)  # of a swarm that it was in before
    with pytest.raises(CommandExecutionError, match=r"in another swarm, of 10\.9\.9\.9"):
        modules["mip_swarm.leave"](OURS)
    assert engine.changing == []


def test_an_engine_that_holds_on_to_the_swarm_that_was_left_is_restarted(modules, engine, node, port, monkeypatch):
    tool = node.folder / "bin" / "systemctl"
    tool.write_text(f'#!/bin/sh\necho "$*" >> {node.folder}/bin/called\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    with suppress(CommandExecutionError):  # this mock tells no version, as an engine that is back does
        modules["mip_swarm_port.release"]()
    assert "restart docker.service" in (tool.parent / "called").read_text()
    tool.unlink()


def test_one_that_lets_go_is_not(modules, engine, port):
    port.write_text("")
    assert modules["mip_swarm_port.release"]() is False

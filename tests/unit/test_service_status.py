"""What the operator sees of what runs: one word a node, the worst first, each trouble with its remedy."""

import json
from datetime import timedelta

import pytest
from mip_salt.commands.service.status_view import COLUMNS, as_json, asked, block, line
from mip_salt.federation.document import parse
from mip_salt.federation.seen import now
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.workflows.findings import Level
from mip_salt.workflows.running import Looked, engine_of, master_of
from mip_salt.workflows.service_status import code_of, others, rows_of

NOW = now()
FEDERATION = parse(
    "mip: {federation: brain, nodes: {ms: {role: master, address: a, hostname: brain-ms}, ui: {role: ui, address: b, "
    "hostname: brain-ui}, wk1: {role: worker, address: c, hostname: brain-wk1}, "
    "wk2: {role: worker, address: d, hostname: brain-wk2}, wk3: {role: worker, address: e, enabled: false}}}",
    "brain",
)
WORKERS = ("brain-wk1", "brain-wk2")


def service(name, running=1, why=(), ours=True):
    stack = name.partition("_")[0] if "_" in name else ""
    told = {"name": name, "stack": stack, "ours": ours, "image": "exareme:1", "wanted": 1, "running": running}
    return {**told, "why": list(why)}


def container(name, state="running", seconds=60, **more):
    return {"service": name, "state": state, "seconds": seconds, "project": False, **more}


def well():
    """Return what each node says when all is well."""
    everyone = ("brain-ms", *WORKERS)
    services = [*(service(f"brain-ms_exareme-{part}") for part in ("keystore", "master"))]
    services += [service(f"{name}_exareme") for name in WORKERS]
    joined = [{"hostname": name, "state": "ready", "availability": "active"} for name in everyone]
    data = {name: {"dementia": ["adni", "ppmi"]} for name in WORKERS}
    parts = ("frontend", "portalbackend")
    done = container("create_dbs", "exited", None, project=True, well=True)
    return {
        "ms": {
            "swarm": {"state": "active", "manager": True},
            "containers": [container("brain-ms_exareme-master"), container("brain-ms_exareme-keystore", seconds=7200)],
            "nodes": joined,
            "services": services,
            "health": {"active": list(everyone), "why": ""},
            "keystore": {"nodes": dict.fromkeys(everyone, "10.20.30.2"), "datasets": data, "why": ""},
        },
        "ui": {"containers": [*(container(one, project=True, well=True) for one in parts), done]},
        **{
            f"wk{n}": {"swarm": {"state": "active"}, "containers": [container(f"{name}_exareme")]}
            for n, name in enumerate(WORKERS, 1)
        },
    }


def looked(told, **failed):
    """Return what comes of asking, where some nodes fail in some way."""
    results = {
        name: NodeResult(name, failed.get(name, Kind.OK), error="no answer" if name in failed else "") for name in told
    }
    good = {name: data for name, data in told.items() if name not in failed}
    engines = {name: engine_of(data) for name, data in good.items()}
    return Looked(engines, results, dict.fromkeys(told, NOW), master_of(good["ms"]) if "ms" in good else None)


def rows(told=None, chosen=None, **failed):
    return rows_of(FEDERATION, chosen or FEDERATION.ids(), looked(told or well(), **failed))


def texts(row):
    return dict(zip(COLUMNS, [cell if isinstance(cell, str) else cell[0] for cell in line(row)], strict=True))


def of(found, name):
    return next(row for row in found if row.id == name)


def said(row):
    return [(found.what, str(found.level), found.said) for found in row.troubles]


def test_where_all_is_well_each_is_told_with_its_tasks_its_age_and_its_datasets():
    found = rows()
    assert [(row.id, row.state, row.troubles) for row in found] == [
        *((name, "running", ()) for name in ("ms", "ui", "wk1", "wk2")),
        ("wk3", "disabled", ()),
    ]
    assert texts(of(found, "wk1")) == {
        "NODE": "wk1",
        "STATE": "running",
        "SWARM": "ready",
        "TASKS": "1/1",
        "UP": "60 s",
        "EXAREME": "active",
        "KEYSTORE": "known",
        "DATASETS": "2 in 1",
    }
    assert (texts(of(found, "ms"))["TASKS"], texts(of(found, "ms"))["UP"]) == ("2/2", "60 s")
    assert (texts(of(found, "ui"))["TASKS"], texts(of(found, "ui"))["EXAREME"]) == ("3/3", "-")
    assert code_of(found) == 0


def test_the_worst_stands_first():
    told = well()
    told["ms"]["services"][-1].update(running=0)
    told["ms"]["health"]["active"].remove("brain-wk1")
    found = rows(told, ui=Kind.UNREACHABLE)
    assert [row.state for row in found] == ["unreachable", "failing", "silent", "running", "disabled"]
    assert code_of(found) == 7


def test_a_task_that_does_not_run_is_told_with_swarms_reason_and_where_to_look():
    told = well()
    told["ms"]["services"][-1].update(running=0, why=["rejected: No such image: exareme:1"])
    row = of(rows(told), "wk2")
    assert said(row) == [("brain-wk2_exareme", "fail", "0 of 1 tasks run: rejected: No such image: exareme:1")]
    assert "docker service logs brain-wk2_exareme" in row.troubles[0].remedy


def test_a_node_whose_tasks_run_and_that_the_master_does_not_name_is_silent():
    told = well()
    told["ms"]["health"]["active"].remove("brain-wk1")
    row = of(rows(told), "wk1")
    assert (row.state, texts(row)["EXAREME"]) == ("silent", "missing")
    assert row.troubles[0].remedy == "mip-salt -f brain service restart --node wk1"


def test_what_was_stopped_is_stopped_and_says_what_starts_it():
    told = well()
    del told["ms"]["services"][-1]
    for one in told["ui"]["containers"]:
        one.update(state="exited", seconds=None)
    found = rows(told)
    assert [(row.id, row.state) for row in found][:2] == [("ui", "stopped"), ("wk2", "stopped")]
    remedies = [row.troubles[0].remedy for row in found[:2]]
    assert remedies == [f"mip-salt -f brain service start --node {name}" for name in ("ui", "wk2")]
    assert code_of(found) == 7


@pytest.mark.parametrize(
    ("change", "swarm", "remedy"),
    [
        ({"state": "down"}, "down", "mip-salt -f brain check --node wk2"),
        ({"availability": "drain"}, "drain", "mip-salt -f brain apply"),
        ({"hostname": "another"}, "not in it", "mip-salt -f brain service deploy"),
    ],
)
def test_what_the_manager_finds_of_a_node_is_told_beside_what_its_engine_says(change, swarm, remedy):
    told = well()
    told["ms"]["nodes"][-1].update(change)
    row = of(rows(told), "wk2")
    assert (row.swarm, row.troubles[0].what, row.troubles[0].remedy) == (swarm, "swarm", remedy)
    assert row.containers


def test_a_dead_entry_of_a_machine_that_joined_anew_is_not_taken_for_it():
    told = well()
    told["ms"]["nodes"].append({"hostname": "brain-wk2", "state": "down", "availability": "active"})
    assert of(rows(told), "wk2").swarm == "ready"


def test_an_engine_that_says_it_is_in_no_swarm_is_told_though_the_manager_counts_it():
    told = well()
    told["wk1"]["swarm"]["state"] = "inactive"
    assert ("engine", "fail") in [found[:2] for found in said(of(rows(told), "wk1"))]


def test_without_the_master_what_it_would_say_is_unknown():
    found = rows(ms=Kind.UNREACHABLE)
    row = of(found, "wk1")
    assert (row.state, texts(row)["TASKS"], texts(row)["EXAREME"], texts(row)["UP"]) == ("unknown", "-", "-", "60 s")
    assert said(row)[0][1] == "unknown"
    assert found[0].id == "ms"
    assert code_of(found) == 5


def test_a_master_that_holds_no_swarm_is_told_once():
    told = well()
    told["ms"] = {"swarm": {"state": "inactive", "manager": False}, "containers": []}
    found = rows(told)
    assert [row.id for row in found if row.troubles] == ["ms"]
    assert of(found, "ms").troubles[0].remedy == "mip-salt -f brain apply"
    assert of(found, "wk1").swarm == "no swarm"


def test_a_master_or_a_keystore_that_does_not_answer_makes_nobody_missing():
    told = well()
    told["ms"]["health"] = {"active": [], "why": "http://127.0.0.1:9090 does not answer as exareme does"}
    told["ms"]["keystore"] = {"nodes": {}, "why": "the keystore does not answer: timed out"}
    found = rows(told)
    assert {texts(row)["EXAREME"] for row in found} | {texts(row)["KEYSTORE"] for row in found} == {"-"}
    assert len(of(found, "ms").troubles) == 2
    assert code_of(found) == 7


def test_a_worker_without_datasets_is_a_warning_and_no_failure():
    told = well()
    told["ms"]["keystore"]["datasets"] = {}
    row = of(rows(told), "wk1")
    assert (row.state, row.troubles[0].level, texts(row)["DATASETS"]) == ("running", Level.WARN, "none")
    assert "/data/brain/PATHOLOGY/" in row.troubles[0].remedy
    assert code_of([row]) == 0


def test_stacks_of_ours_that_are_no_nodes_and_portainer_are_told_beside_the_nodes():
    told = well()
    told["ms"]["services"] += [service("gone_exareme"), service("foreign_web", ours=False)]
    told["ms"]["services"] += [service("mip-portainer", running=0, why=["preparing"], ours=False)]
    found = {one.what: one for one in others(FEDERATION, looked(told))}
    assert set(found) == {"stack", "mip-portainer"}
    assert "gone bears no node's hostname" in found["stack"].said
    assert found["mip-portainer"].said.startswith("0 of 1 tasks run, not deployed by mip-salt; preparing")


def test_a_block_tells_who_says_what_and_when_it_was_asked():
    shown = [tuple(str(cell) for cell in row) for row in block(of(rows(), "wk1"), NOW + timedelta(seconds=5))]
    names = [name.strip() for name, _ in shown]
    assert names == [
        *("role", "asked", "the manager says", "brain-wk1_exareme", "exareme says", "the keystore says", "dementia"),
        *("its engine says", "brain-wk1_exareme"),
    ]
    assert dict(shown)["asked"].startswith("5 s ago, at ")
    assert "adni, ppmi" in dict(shown)["  dementia"]


def test_the_document_tells_the_same_with_ages():
    told = json.loads(json.dumps(as_json(of(rows(), "wk1"), NOW + timedelta(seconds=5))))
    assert (told["state"], told["kind"], told["asked"]["age"]) == ("running", "ok", 5.0)
    assert told["tasks"] == {"wanted": 1, "running": 1}
    assert told["keystore"] == {"registered": True, "datasets": {"dementia": ["adni", "ppmi"]}}
    assert told["containers"][0]["seconds"] == 60
    assert as_json(of(rows(), "wk3"), NOW)["kind"] == "disabled"


def test_the_last_line_tells_whom_was_asked_and_when():
    assert asked(looked(well()), NOW + timedelta(seconds=3)).startswith("Asked 3 s ago, at ")


# --- what nodes make up -----------------------------------------------------------------------------------------------

ESCAPE = "\x1b[2J\u202e"


@pytest.mark.parametrize("data", [None, [], "x", 7, {"containers": 7}, {"swarm": [], "containers": [1, None, {}]}])
def test_an_engine_that_says_anything_says_nothing(data):
    assert engine_of(data).swarm == "unknown"
    assert engine_of(data).containers in ((), engine_of({"containers": [{}, {}, {}]}).containers)


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], {"nodes": 7, "services": {}, "health": [], "keystore": ""}),
        {"nodes": [None, {"hostname": []}], "services": [{"wanted": -1, "running": True, "why": "x"}]},
        {"health": {"active": 7}, "keystore": {"nodes": 7, "datasets": {"a": 7, "b": {"c": 7}}}},
    ],
)
def test_a_master_that_says_anything_is_shown_all_the_same(data):
    told = well()
    told["ms"] = data
    for row in rows(told):
        assert line(row)[0] == row.id
        assert block(row, NOW)
        assert json.loads(json.dumps(as_json(row, NOW)))["id"] == row.id


def test_text_from_nodes_can_move_no_cursor_and_is_bounded():
    told = well()
    told["ms"]["services"][-1].update(running=0, why=[ESCAPE + "a" * 5000], image=ESCAPE)
    told["ms"]["health"]["why"] = ESCAPE
    told["ms"]["keystore"]["datasets"]["brain-wk1"] = {ESCAPE: [ESCAPE]}
    told["wk1"]["containers"][0]["service"] = f"brain-wk1_{ESCAPE}"
    shown = str([[line(row), block(row, NOW), as_json(row, NOW)] for row in rows(told)])
    assert "\\x1b" not in shown
    assert "\\u202e" not in shown
    assert "a" * 300 not in shown


def test_a_million_of_a_thing_are_not_kept():
    told = {"containers": [container("x")] * 100_000, "swarm": {"state": "active"}}
    assert len(engine_of(told).containers) <= 500


@pytest.mark.parametrize("name", ["brain-wk1_$(reboot)", "brain-wk1_x;reboot", "brain-wk1_`id`", "a b", "-x", 7])
def test_what_no_service_can_be_called_stands_in_no_command_that_the_operator_is_told(name):
    told = well()
    told["ms"]["services"] += [{**service("brain-wk1_x", running=0), "name": name}, {**service("x_y"), "stack": name}]
    assert of(rows(told), "wk1").troubles == ()
    assert others(FEDERATION, looked(told)) == []

"""A federation that the incumbent's commands made is taken over as it runs: told as a plan first, nothing restarted.

What runs are the lab's stand-ins; the commands are those of the incumbent's playbooks and of its `mip`.
"""

from pathlib import Path
from types import SimpleNamespace

import pytest
from integration.federations import to_run
from integration.incumbent_way import init_swarm, join_worker, start_exareme, start_ui
from integration.test_swarm import CONTAINERS, HEALTH, ran
from mip_salt.lab.release import EXAREME, TO_EXAREME, TO_MIP
from waiting import until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
NODES = ("ms", "ui", "wk1")
SWARM = "docker node ls --format '{{.ID}} {{.Hostname}} {{.Status}} {{.Availability}}' | sort; docker network ls -q"
COMPOSE_FILES = {Path(path).name: text for path, text in TO_EXAREME.items()}


@pytest.fixture(scope="module")
def story(lab):
    with to_run(lab, NODES) as (federation, _):
        told = SimpleNamespace(federation=federation)
        tell(lab, federation, told)
        yield told


def tell(lab, federation, told):
    the_incumbent(lab, federation.federation.settings)
    told.before = {node: lab.node(node).run(CONTAINERS) for node in NODES}
    told.swarm = lab.node("ms").run(SWARM)
    told.plan = federation.cli("plan").stderr
    told.planned = {node: lab.node(node).run(CONTAINERS) for node in NODES}
    told.apply = ran(federation, "apply")
    told.after = {node: lab.node(node).run(CONTAINERS) for node in NODES}
    told.swarm_after = lab.node("ms").run(SWARM)
    told.next_plan = ran(federation, "plan")


def the_incumbent(lab, settings):
    """Have the federation run as the incumbent leaves it."""
    ms, ui, wk1 = (lab.node(node) for node in NODES)
    image, keystore = f"{settings.stack.image}:{EXAREME}", settings.stack.keystore
    init_swarm(ms, COMPOSE_FILES, settings.swarm.encrypted)
    join_worker(ms, wk1)
    start_exareme(ms, ms.hostname, "master", image, keystore)
    start_exareme(ms, wk1.hostname, "worker", image, keystore)
    variables = {"EXAREME_IP": ms.address, "PUBLIC_MIP_HOST": ui.address, "KEYCLOAK_URL": "iam.ebrains.eu"}
    start_ui(ui, TO_MIP, variables)
    # A worker that finds no master yet ends, and swarm starts another: it runs once the master names it.
    assert until(lambda: wk1.hostname in ms.run(HEALTH, check=False), 90)


def test_the_plan_tells_that_what_runs_is_taken_over_without_a_restart(story):
    plan = " ".join(story.plan.split())
    for services in ("test-ms_exareme-keystore, test-ms_exareme-master", "test-wk1_exareme"):
        assert f"Would be taken over as it runs, without a restart: {services}." in plan
    assert ("RESTARTED" in plan, "joins the swarm" in plan, "Would be started" in plan) == (False, False, False)
    assert story.planned == story.before


def test_apply_takes_it_over_and_nothing_is_restarted(story):
    assert {row["failed"] for row in story.apply.values()} == {0}
    assert (story.after, story.swarm_after) == (story.before, story.swarm)
    assert story.before["ui"] != story.before["wk1"] != ""


def test_then_nothing_is_left_to_do(story):
    assert {node: row["changed"] for node, row in story.next_plan.items()} == dict.fromkeys(NODES, 0)

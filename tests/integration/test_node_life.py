"""Nodes come and go in a federation that runs on real machines: drained, rebooted, replaced, moved, removed.

One story: each test goes on from where the one before it left the nodes. What runs are the lab's stand-ins.
"""

import json

import pytest
from integration.federations import to_run, wish
from waiting import until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
NODES = ("ms", "wk1", "wk2")
ASK = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9090/mining/query/HEALTH_CHECK', bytes()).read())"
ENTRIES = "docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}}' | sort"
STACKS = "docker stack ls --format '{{.Name}} {{.Services}}' | sort"
ALL = ["test-ms Ready Active", "test-wk1 Ready Active", "test-wk2 Ready Active"]
MOVED = {"ms": "10.213.77.210", "wk1": "10.213.77.221"}


@pytest.fixture(scope="module")
def federation(lab):
    """A federation that runs on a master and two workers, unlocked."""
    with to_run(lab, NODES) as (made, _):
        made.cli("apply")
        yield made


def kinds(federation, *words, check=True):
    """Return how a command went on each node."""
    told = json.loads(federation.cli(*words, "--json", check=check).stdout)
    return {row["id"]: row["kind"] for row in told["nodes"]}


def lines(lab, command):
    return lab.node("ms").run(command).splitlines()


def takes_part(lab, *names):
    """Say whether exareme's master names exactly these nodes."""
    said = lab.node("ms").run(f'python3 -c "{ASK}"', check=False)
    return sorted(name for name in NODES if f"test-{name}" in said) == sorted(names)


def give(node, address):
    """Give a machine another address, as its administrator does."""
    old, new = (f"dev eth0 {one}/24" for one in (node.address, address))
    node.run(f"ip address add {new}; ip address delete {old}; ip address replace {new}")


def test_a_disabled_worker_is_drained_at_once_and_enabled_it_works_at_once(federation, lab):
    assert "drained: no task runs on it" in federation.cli("node", "disable", "wk1").stderr
    assert lab.node("wk1").run("docker ps --quiet") == ""
    assert "test-wk1 Ready Drain" in lines(lab, ENTRIES)
    # Swarm may forget a task that changes while its node is drained (moby 31014).
    lab.node("ms").run("docker service update --detach --force test-wk1_exareme")
    assert "its tasks run again" in federation.cli("node", "enable", "wk1").stderr
    assert until(lambda: takes_part(lab, *NODES), 60)


def test_machines_that_rebooted_are_back_without_us_and_one_in_anothers_place_joins(federation, lab):
    for name in ("ms", "wk1"):
        lab.node(name).stop()
    for name in ("ms", "wk1"):
        lab.node(name).start()
    lab.node("wk2").reset()
    node = lab.node("wk2")
    lab.stand_in([node])
    env = {**federation.environ, "MIP_SALT_PASSWORD_WK2": node.password}
    federation.cli("node", "trust", "wk2", "--host-key", node.host_key, "--yes", env=env)
    # Networks look for a machine that was away once a minute.
    assert until(lambda: takes_part(lab, "ms", "wk1"), 120)
    assert kinds(federation, "apply") == {"ms": "changed", "wk1": "ok", "wk2": "changed"}
    assert lines(lab, ENTRIES) == ALL
    assert takes_part(lab, *NODES)


def test_workers_follow_a_master_to_another_address_once_its_swarm_is_made_anew(federation, lab):
    for name, address in MOVED.items():
        give(lab.node(name), address)
    federation.configure({name: wish(name, lab.node(name), address=MOVED[name]) for name in MOVED})
    refused = federation.cli("apply", check=False)
    command = "ssh ms sudo docker swarm leave --force"
    assert refused.returncode == 7
    assert f"mip-salt -f brain {command}, and then mip-salt -f brain apply" in " ".join(refused.stderr.split())
    federation.cli(*command.split())
    assert set(kinds(federation, "apply").values()) == {"changed"}
    assert lines(lab, ENTRIES) == ALL
    assert takes_part(lab, *NODES)


def test_a_master_that_has_workers_is_not_removed(federation):
    done = federation.cli("node", "remove", "ms", "--yes", check=False)
    assert (done.returncode, "ms" in federation.federation.nodes) == (2, True)
    assert "wk1, wk2 are workers of its swarm" in done.stderr


def test_a_removed_worker_leaves_the_swarm_and_nothing_of_it_stays_on_the_master(federation, lab):
    federation.cli("node", "remove", "wk2", "--yes")
    assert lines(lab, ENTRIES) == ALL[:2]
    assert lines(lab, STACKS) == ["test-ms 2", "test-wk1 1"]
    assert lab.node("wk2").run("docker info --format '{{.Swarm.LocalNodeState}}'; docker ps --quiet") == "inactive\n"

"""A federation on real machines, from bare nodes to one that runs: swarm, two workers, the web front end; and again.

What runs in it are the lab's stand-ins, from a release of the lab's own: they compute nothing, and really reach each
other over the swarm's network. This kernel may be one that cannot encrypt it: then the lab's settings say so.
"""

import json
import re
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from integration.federations import BIN, to_run
from waiting import until

# The story takes half of that on two busy cores.
pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
NODES = ("ms", "ui", "wk1", "wk2")
CONTAINERS = "docker ps --all --no-trunc --format '{{.ID}} {{.Names}}' | sort"
ASK = "import urllib.request as u; print(u.urlopen('{url}', {data}).read().decode())"
HEALTH = f'python3 -c "{ASK.format(url="http://127.0.0.1:9090/mining/query/HEALTH_CHECK", data="bytes()")}"'
BACK_END = f'python3 -c "{ASK.format(url="http://127.0.0.1:8080/", data=None)}"'
KEY = "SWMTKN-1-"
# A whole key: what only its beginning is in is an engine's own program.
PLACES = "/var/tmp /var/log /var/lib/mip-salt /var/cache /tmp /root /home /etc"
LEFT = f"grep -rlaE '{KEY}[0-9a-z]{{20}}' {PLACES} 2>/dev/null; true"


def everywhere(lab, cmd):
    """Return what a shell command says on each node, run on all at once."""
    with ThreadPoolExecutor(len(NODES)) as pool:
        return dict(zip(NODES, pool.map(lambda name: lab.node(name).run(cmd, check=False), NODES), strict=True))


class Watch:
    """Look again and again whether a text is in the command line or environment of any process, also on the nodes."""

    def __init__(self, text):
        self.text, self.seen, self.rounds, self._over = text.encode(), set(), 0, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self):
        while not self._over.wait(0.05):
            self.rounds += 1
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        found = (process / name).read_bytes()
                    except OSError:
                        continue
                    if self.text in found:
                        self.seen.add(f"{process.name} {name}")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def story(lab):
    """Tell the story once; the tests look at what it left."""
    with to_run(lab, NODES) as (federation, said):
        told = SimpleNamespace(federation=federation, settings=said)
        tell(lab, federation, told)
        yield told


def ran(federation, *words, check=True):
    """Return what a command told of each node, by id."""
    return {row["id"]: row for row in json.loads(federation.cli(*words, "--json", check=check).stdout)["nodes"]}


def tell(lab, federation, told):
    env = {**federation.environ, "MIP_SALT_LAB": str(lab.folder)}
    told.again = federation.cli("lab", "settings", env=env).stderr
    told.bare = everywhere(lab, CONTAINERS)
    told.plan = federation.cli("plan").stderr
    told.planned = everywhere(lab, CONTAINERS)
    told.alone = federation.salt_ssh("wk1", "state.apply")
    with Watch(KEY) as told.watch:
        told.apply = ran(federation, "apply")
    told.key_left = everywhere(lab, LEFT)
    told.containers = everywhere(lab, CONTAINERS)
    told.second = ran(federation, "apply")
    told.next_plan = ran(federation, "plan")
    told.raw = federation.salt_ssh("*", "state.apply", "--out=json", "--static")
    told.next_containers = everywhere(lab, CONTAINERS)


def test_the_labs_settings_say_loudly_what_this_kernel_forces_and_are_written_once(story):
    text = story.federation.folder.document.read_text()
    assert text.count("A LAB'S SETTINGS, NEVER FOR PATIENTS' DATA") == 1
    assert ("encrypted: false" in text) is ("NOTHING BETWEEN THE NODES IS ENCRYPTED" in text)
    assert "NEVER FOR PATIENTS' DATA" in story.settings
    assert "NEVER FOR PATIENTS' DATA" not in story.again


def test_plan_tells_the_phases_in_their_order_and_starts_nothing(story):
    assert story.planned == story.bare == dict.fromkeys(NODES, "")
    phases = story.plan.partition("After that, in this order:")[2]
    assert "wk1, wk2: joins the swarm" in phases
    assert phases.index("joins the swarm") < phases.index("ms: deploys exareme on every node")


def test_raw_salt_ssh_does_not_let_a_worker_join_and_says_what_does(story):
    assert "apply the master first" in " ".join(story.alone.stdout.split())


def test_apply_ends_with_every_worker_named_by_the_master(story, lab):
    assert {name: row["kind"] for name, row in story.apply.items()} == dict.fromkeys(NODES, "changed")
    active = json.loads(lab.node("ms").run(HEALTH))["active_nodes"]
    assert sorted(active.split(", ")) == ["test-ms", "test-wk1", "test-wk2"]


def test_the_front_ends_back_end_reaches_the_master_and_through_it_the_workers(story, lab):
    told = json.loads(lab.node("ui").run(BACK_END))
    assert told["exareme"]["active_nodes"].count(",") == 2


def test_the_logs_of_all_nodes_are_shown_by_time_and_a_node_that_is_gone_is_told(story, lab):
    lab.node("wk2").run("systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh.service")
    lab.node("wk2").run("pkill -f '^sshd: mipadmin'", check=False)  # the sessions outlive it
    try:
        done = story.federation.cli("logs", "--json", "--component", "exareme", "--component", "docker", check=False)
    finally:
        lab.node("wk2").run("systemctl start ssh.service")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 5
    assert "wk2: " in done.stderr
    assert {(row["node"], row["component"]) for row in rows} == {
        *((name, "docker") for name in ("ms", "ui", "wk1")),
        ("ms", "exareme"),
        ("wk1", "exareme"),
    }
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert [row for row in rows if row["text"].endswith("ready: test-wk1, worker")]


def test_logs_that_are_followed_survive_a_container_and_end_by_ctrl_c_with_nothing_left_on_the_nodes(story, lab):
    readers = "ps -eo args | grep -c '[p]ython3 -c import base64' || true"
    call = [str(BIN / "mip-salt"), "-f", story.federation.name, "logs", "-f", "--limit", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(call, env=story.federation.environ, stdout=pipe, stderr=pipe, text=True) as logs:
        assert {logs.stdout.readline().partition(" ")[0] for _ in range(3)} == {"ms", "wk1", "wk2"}
        assert set(everywhere(lab, readers).values()) != {"0\n"}
        lab.node("wk1").run("docker kill $(docker ps --quiet --filter name=exareme)")
        assert "wk1: exareme's container ended" in logs.stderr.readline()
        assert "ready: test-wk1, worker" in next(line for line in logs.stdout if line.startswith("wk1 | "))
        logs.send_signal(signal.SIGINT)
        assert logs.wait(20) == 130
        assert logs.stderr.read() == ""
    assert until(lambda: set(everywhere(lab, readers).values()) == {"0\n"})


def test_a_second_apply_a_plan_and_raw_salt_ssh_change_nothing_and_restart_nothing(story):
    for rows in (story.second, story.next_plan):
        assert {name: row["kind"] for name, row in rows.items()} == dict.fromkeys(NODES, "ok")
    states = json.loads(story.raw.stdout)
    rows = [row for node in NODES for row in states[node].values()]
    assert [row for row in rows if row["result"] is not True or row["changes"]] == []
    assert story.next_containers == story.containers
    assert all(story.containers.values())


def test_the_key_by_which_workers_joined_was_seen_nowhere_and_is_left_nowhere(story):
    assert story.watch.seen == set()
    assert story.watch.rounds > 10
    assert story.key_left == dict.fromkeys(NODES, "")
    folder = story.federation.folder.path
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [text for text in texts if KEY.encode() in text] == []


def test_a_worker_that_the_manager_removed_joins_again(story, lab):
    lab.node("ms").run("docker node rm --force test-wk1")
    found = ran(story.federation, "apply")
    assert (found["wk1"]["kind"], found["ms"]["kind"]) == ("changed", "changed")
    assert "test-wk1" in json.loads(lab.node("ms").run(HEALTH))["active_nodes"]


def test_a_disabled_worker_is_drained_and_an_enabled_one_comes_back(story, lab):
    document = story.federation.folder.document
    kept = document.read_text()
    document.write_text(kept.replace("wk2: {role: worker,", "wk2: {role: worker, enabled: false,"))
    ran(story.federation, "apply", "--node", "ms")
    availability = "docker node inspect --format '{{.Spec.Availability}}' test-wk2"
    assert lab.node("ms").run(availability).strip() == "drain"
    document.write_text(kept)
    ran(story.federation, "apply", "--node", "ms")
    assert lab.node("ms").run(availability).strip() == "active"
    assert "test-wk2" in json.loads(lab.node("ms").run(HEALTH))["active_nodes"]


# --- service commands ------------------------------------------------------------------------------------------------

FOREIGN = "docker service create --detach --name foreign --constraint node.role==manager mip-standin/portal-frontend:1"
RUNS = "docker ps --no-trunc --format '{{.ID}} {{.Names}}' | sort"
EXAREME = f"{RUNS} | grep exareme || true"


def states(story, *words):
    """Return the exit code of `service status`, and each node's word."""
    done = story.federation.cli("service", "status", "--json", *words, check=False)
    return done.returncode, {row["id"]: row["state"] for row in json.loads(done.stdout)["nodes"]}


def test_what_runs_is_told_by_each_engine_the_manager_exaremes_master_and_its_keystore(story):
    done = story.federation.cli("service", "status", "--json")
    rows = {row["id"]: row for row in json.loads(done.stdout)["nodes"]}
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(NODES, "running")
    for name in ("ms", "wk1", "wk2"):
        assert (rows[name]["swarm"], rows[name]["exareme"]["active"]) == ("ready", True)
        assert rows[name]["keystore"]["registered"] is True
        assert rows[name]["up"] is not None
    assert rows["ui"]["tasks"]["wanted"] == rows["ui"]["tasks"]["running"] == len(rows["ui"]["containers"])


def test_what_is_stopped_ends_on_every_node_and_starts_again_and_what_is_foreign_goes_on(story, lab):
    lab.node("ms").run(FOREIGN)
    assert until(lambda: "foreign" in lab.node("ms").run(RUNS))
    before = everywhere(lab, RUNS)
    tried = ran(story.federation, "service", "stop", "--test")
    assert {name: row["kind"] for name, row in tried.items()} == {"ms": "changed", "ui": "changed"}
    assert everywhere(lab, RUNS) == before
    stopped = story.federation.cli("service", "stop")
    assert "The next apply starts it again" in stopped.stderr
    left = everywhere(lab, RUNS)
    assert ("foreign" in left.pop("ms"), set(left.values())) == (True, {""})
    assert states(story) == (7, dict.fromkeys(NODES, "stopped"))
    assert {row["kind"] for row in ran(story.federation, "service", "start").values()} == {"changed"}
    assert states(story) == (0, dict.fromkeys(NODES, "running"))
    lab.node("ms").run("docker service rm foreign")


def test_one_worker_is_made_anew_and_registers_what_lies_there_then_and_no_other_restarts(story, lab):
    file = "/data/brain/dementia/data.csv"
    lab.node("wk1").run(f"mkdir -p /data/brain/dementia; printf 'subject,dataset\\n1,adni\\n2,ppmi\\n' > {file}")
    before = everywhere(lab, EXAREME)
    ran(story.federation, "service", "restart", "--node", "wk1")
    after = everywhere(lab, EXAREME)
    assert {name for name in NODES if before[name] != after[name]} == {"wk1"}
    (row,) = json.loads(story.federation.cli("service", "status", "--node", "wk1", "--json").stdout)["nodes"]
    assert row["keystore"]["datasets"] == {"dementia": ["adni", "ppmi"]}


def test_portainer_comes_and_goes_alone_and_never_without_the_certificate_it_should_have(story, lab):
    """A stand-in for it: what is tried is the service, not what runs in it."""
    document = story.federation.folder.document
    kept = document.read_text()
    setting = '\\1portainer: {image: "mip-standin/portal-frontend:1", domain: mip.example.org}\n\\1'
    document.write_text(re.sub(r"^( +)(?=stack: )", setting, kept, flags=re.M))
    alone = ("--without-exareme", "--json")
    before = everywhere(lab, EXAREME)
    secure = story.federation.cli("service", "start", "--with-secure-portainer", *alone, check=False)
    assert (secure.returncode, everywhere(lab, EXAREME)) == (7, before)
    assert "mip-portainer" not in lab.node("ms").run("docker service ls")
    ran(story.federation, "service", "start", "--with-portainer", *alone)
    assert "mip-portainer" in lab.node("ms").run(RUNS)
    ran(story.federation, "service", "stop", "--with-portainer", *alone)
    assert "mip-portainer" not in lab.node("ms").run("docker service ls")
    document.write_text(kept)

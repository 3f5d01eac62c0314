"""The highstate on real machines: plan shows what would change, apply makes it so, and then nothing is left to do.

One story for all, told once: the tests look at what it left. ms has an engine whose daemon.json says already what is
wanted, in other words; wk1 one that says other things; wk2 has no engine and nobody who keeps its clock; ui no compose.
What they lack lies on a small mirror on their own disks.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from integration.mirrors import dockers_own, take_off
from mip_salt.lab.base import DEBS
from openpgp import keyring

pytestmark = pytest.mark.lab
NODES = ("ms", "ui", "wk1", "wk2")
WANTED = {"log-opts": {"max-size": "10m"}}
SETTINGS = {"docker": {"daemon": WANTED}, "data": {"user": "mipdata", "group": "mipdata"}}
ADOPTED = '{"debug":false,\n\n "log-opts" : {"max-size":"10m"}}'
OTHER = '{"mtu": 1450, "log-opts": {"max-file": "2"}}'
DAEMON_JSON = "/etc/docker/daemon.json"
# What a container's systemd says of itself. Without it a node is a machine to us, and its clock is to be kept.
CONTAINER = "/run/systemd/container"
# chronyd must not set the clock here, which is this machine's: -x lets it do all but that.
NEVER_SET_THE_CLOCK = "[Service]\nEnvironmentFile=\nEnvironment=DAEMON_OPTS='-x -F 1'\n"
ADDED = "/etc/apt/sources.list.d/mip-docker.list /etc/apt/keyrings/mip-docker.gpg"
PROGRAMS = "for p in dockerd docker-compose chronyd; do command -v $p; done"
STATE = f"cat {DAEMON_JSON} /etc/hosts; ls -ld /data/* /opt/mip; {PROGRAMS}; id mipdata; ls /srv/site"
PID = "systemctl show --property=MainPID --value docker.service"


def ran(federation, *words, check=True):
    """Return what a command told of each node, with its exit code as `code`."""
    done = federation.cli(*words, "--json", check=check)
    return SimpleNamespace(
        code=done.returncode, kinds={row["id"]: row["kind"] for row in json.loads(done.stdout)["nodes"]}
    )


def setting(federation, text):
    """Set the federation's settings."""
    document = federation.folder.document
    kept = document.read_text().partition("  settings:")[0]
    document.write_text(f"{kept}  settings: {text}\n")


def everywhere(lab, cmd):
    """Return what a shell command says on each node, run on all at once."""
    with ThreadPoolExecutor(len(NODES)) as pool:
        return dict(zip(NODES, pool.map(lambda name: lab.node(name).run(cmd, check=False), NODES), strict=True))


@pytest.fixture(scope="module")
def story(lab, federation):
    """Bare nodes, then plan, apply, plan, apply, each with what it told and the nodes' state after it."""
    everywhere(lab, f"userdel -r mipdata; rm -rf /data /opt/mip /srv/site {DAEMON_JSON}")
    lab.node("ms").run(f"cat > {DAEMON_JSON}; systemctl restart docker", stdin=ADOPTED.encode())
    lab.node("wk1").run(f"cat > {DAEMON_JSON}; systemctl restart docker", stdin=OTHER.encode())
    lab.node("wk1").run("echo '10.9.9.9 test-ms archive' >> /etc/hosts")
    take_off(lab.node("wk2"), "docker.io", more=f"/{DEBS}/*.deb")
    take_off(lab.node("ui"), "docker-compose")
    a_machine_without_a_clock(lab.node("wk2"))
    setting(federation, json.dumps(SETTINGS))
    site = federation.folder.states / "site.sls"
    site.write_text("of-the-operator:\n  file.managed:\n    - name: /srv/site\n    - contents: theirs\n")
    told = SimpleNamespace(bare=everywhere(lab, STATE), pid_of_ms=lab.node("ms").run(PID))
    told.plan = ran(federation, "plan")
    told.planned = everywhere(lab, STATE)
    told.apply = ran(federation, "apply")
    told.applied, told.pids = everywhere(lab, STATE), everywhere(lab, PID)
    told.next_plan = ran(federation, "plan")
    told.next_apply = ran(federation, "apply")
    told.next_pids = everywhere(lab, PID)
    yield told
    lab.node("wk2").run(f"systemctl disable --now chrony; echo systemd-nspawn > {CONTAINER}")


def a_machine_without_a_clock(node):
    """Make a node a machine whose clock nobody keeps, and this machine's clock safe from it."""
    drop_in = "/etc/systemd/system/chrony.service.d"
    node.run(f"rm -f {CONTAINER}; mkdir -p {drop_in}; cat > {drop_in}/lab.conf", stdin=NEVER_SET_THE_CLOCK.encode())


def test_plan_shows_changes_and_makes_none(story):
    assert story.plan.kinds == dict.fromkeys(NODES, "changed")
    assert story.planned == story.bare


def test_apply_makes_them_and_then_plan_and_apply_find_nothing_to_do(story):
    assert story.apply.kinds == dict.fromkeys(NODES, "changed")
    assert story.next_plan.kinds == story.next_apply.kinds == dict.fromkeys(NODES, "ok")


def test_a_second_apply_restarts_no_engine(story):
    assert story.next_pids == story.pids
    assert "0" not in {pid.strip() for pid in story.pids.values()}


def test_an_engine_whose_daemon_json_says_so_already_is_adopted_without_a_restart(story, lab):
    assert story.pids["ms"] == story.pid_of_ms
    assert lab.node("ms").run(f"cat {DAEMON_JSON}") == ADOPTED


def test_daemon_json_is_merged_never_overwritten(story, lab):
    found = json.loads(lab.node("wk1").run(f"cat {DAEMON_JSON}"))
    assert found == {"mtu": 1450, "log-opts": {"max-file": "2", "max-size": "10m"}}
    assert json.loads(lab.node("ui").run(f"cat {DAEMON_JSON}")) == WANTED


def test_an_engine_is_installed_where_there_is_none_and_starts_at_boot(story, lab):
    assert "dockerd" not in story.bare["wk2"]
    assert "docker.sock" in lab.node("wk2").run("docker info >/dev/null && ls /var/run/docker.sock")
    assert lab.node("wk2").run("systemctl is-enabled docker").strip() == "enabled"


def test_a_compose_that_runs_is_installed_on_the_ui_that_had_none(story, lab):
    assert ("docker-compose" in story.bare["ui"], "docker-compose" in story.applied["ui"]) == (False, True)
    assert lab.node("ui").run("docker-compose version --short").startswith("1.29.")


def test_a_machine_whose_clock_nobody_keeps_gets_chrony_which_runs_now_and_after_a_reboot(story, lab):
    node = lab.node("wk2")
    assert "chronyd" not in story.bare["wk2"]
    assert node.run("systemctl is-active chrony; systemctl is-enabled chrony").split() == ["active", "enabled"]
    assert "chronyd" in node.run("ps -C chronyd -o args=")


def test_data_are_the_users_and_closed_to_others(story):
    for name in NODES:
        assert "drwxrwx--- 2 mipdata mipdata" in story.applied[name]
        assert "/data/brain" in story.applied[name]
        assert ("/opt/mip" in story.applied[name]) is (name == "ms")


def test_their_user_gets_to_them(story, lab):
    assert set(
        everywhere(lab, "runuser -u mipdata -- sh -c 'touch /data/brain/t && rm /data/brain/t && echo can'").values()
    ) == {"can\n"}


def test_a_user_that_is_made_has_no_password_that_works(story, lab):
    assert lab.node("wk1").run("passwd -S mipdata").split()[:2] == ["mipdata", "L"]
    assert lab.node("wk1").run("getent passwd mipdata").strip().endswith(":/home/mipdata:/bin/bash")


def test_peers_resolve_and_an_old_address_is_gone(story, lab):
    assert lab.node("wk1").run("getent hosts test-ms").split() == [lab.node("ms").address, "test-ms"]
    assert lab.node("wk1").run("getent hosts 10.9.9.9").split() == ["10.9.9.9", "archive"]
    assert lab.node("ms").run("getent hosts test-wk2").split() == [lab.node("wk2").address, "test-wk2"]


def test_the_operators_own_states_ran(story, lab):
    assert everywhere(lab, "cat /srv/site") == dict.fromkeys(NODES, "theirs\n")


def test_a_broken_daemon_json_is_a_failure_and_stays_as_it_is(story, lab, federation):
    node = lab.node("wk1")
    node.run(f"cp -a {DAEMON_JSON} /srv/kept; echo '{{broken' > {DAEMON_JSON}")
    done = federation.cli("apply", "--node", "wk1", check=False)
    found = node.run(f"cat {DAEMON_JSON}; mv /srv/kept {DAEMON_JSON}")
    assert (done.returncode, found) == (7, "{broken\n")
    assert "daemon.json is not JSON, line 1" in " ".join((done.stdout + done.stderr).split())
    assert node.run(PID) == story.pids["wk1"]


def test_an_engine_that_does_not_come_back_gets_its_old_daemon_json_again(story, lab, federation):
    """This engine, 20.10, cannot judge a file before it is started with it."""
    node = lab.node("wk1")
    before = node.run(f"cat {DAEMON_JSON}")
    setting(federation, json.dumps({**SETTINGS, "docker": {"daemon": {"no-such-key": True}}}))
    done = federation.cli("apply", "--node", "wk1", check=False)
    setting(federation, json.dumps(SETTINGS))
    assert done.returncode == 7
    assert "is back, and the engine runs again with it" in " ".join((done.stdout + done.stderr).split())
    assert node.run(f"cat {DAEMON_JSON}; docker info >/dev/null") == before
    assert ran(federation, "apply", "--node", "wk1").kinds == {"wk1": "ok"}


@pytest.fixture(scope="module")
def mirror(story, lab):
    """wk2 without its engine again, and a mirror of Docker's packages there, signed by a key of its own."""
    with keyring() as keys:
        keys.own, keys.other = keys.make("hospital <h@example.org>"), "A" * 40
        dockers_own(lab.node("wk2"), keys, "bookworm")
        yield keys


def from_mirror(key):
    return {"source": "docker-ce", "mirror": "http://127.0.0.1:8090", "key": key}


def test_packages_signed_by_another_key_than_the_one_that_is_meant_are_not_installed(mirror, lab, federation):
    setting(federation, json.dumps({**SETTINGS, "docker": from_mirror(mirror.other)}))
    done = federation.cli("apply", "--node", "wk2", check=False)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 7
    assert f"the key at http://127.0.0.1:8090/debian/gpg is {mirror.own}, not {mirror.other}" in said
    assert lab.node("wk2").run(f"command -v dockerd; ls {ADDED}", check=False) == ""


def test_docker_ce_comes_from_a_mirror_whose_key_is_the_one_that_is_meant(mirror, lab, federation):
    node = lab.node("wk2")
    setting(federation, json.dumps({**SETTINGS, "docker": from_mirror(mirror.own)}))
    assert ran(federation, "plan", "--node", "wk2").kinds == {"wk2": "changed"}
    assert node.run("command -v dockerd", check=False) == ""
    assert ran(federation, "apply", "--node", "wk2").kinds == {"wk2": "changed"}
    assert node.run("dpkg-query -Wf '${Status} ${Version}' docker-ce") == "install ok installed 5:20.10.24~standin"
    assert node.run("docker version -f '{{.Server.Version}}'").startswith("20.10.24")
    pid = node.run(PID)
    assert ran(federation, "plan", "--node", "wk2").kinds == {"wk2": "ok"}
    assert ran(federation, "apply", "--node", "wk2").kinds == {"wk2": "ok"}
    assert node.run(PID) == pid


def test_an_engine_that_is_there_stays_though_docker_ce_is_wanted(mirror, lab, federation):
    setting(federation, json.dumps({**SETTINGS, "docker": from_mirror(mirror.own)}))
    assert ran(federation, "apply", "--node", "ms").kinds == {"ms": "ok"}
    assert lab.node("ms").run(f"ls {ADDED}", check=False) == ""
    assert "docker-ce" not in lab.node("ms").run("dpkg-query -Wf '${Package} '")

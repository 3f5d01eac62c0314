"""The highstate on real machines: plan shows what would change, apply makes it so, and then nothing is left to do.

One story for all, told once: the tests look at what it left. ms has an engine whose daemon.json says already what is
wanted, in other words; wk1 one that says other things; wk2 has no engine, and a small mirror on its own disk.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.lab
NODES = ("ms", "ui", "wk1", "wk2")
WANTED = {"log-opts": {"max-size": "10m"}}
SETTINGS = {"docker": {"daemon": WANTED}, "data": {"user": "mipdata", "group": "mipdata"}}
ADOPTED = '{"debug":false,\n\n "log-opts" : {"max-size":"10m"}}'
OTHER = '{"mtu": 1450, "log-opts": {"max-file": "2"}}'
DAEMON_JSON = "/etc/docker/daemon.json"
# Make a mirror out of the installed docker.io, and remove that. No apt source but it: waiting for mirrors takes time.
UNPLUG = r"""set -e
rm -rf /srv/mirror /etc/apt/sources.list /etc/apt/sources.list.d/*; mkdir -p /srv/mirror/t/DEBIAN; cd /srv/mirror
dpkg-query -L docker.io | while read f; do
  [ ! -f "$f" ] || { mkdir -p "t$(dirname "$f")"; cp -a "$f" "t$f"; }
done
dpkg-query -s docker.io | grep -v -e ^Status: -e ^Conffiles: -e '^ /etc/' > t/DEBIAN/control
for s in preinst postinst prerm postrm conffiles; do
  [ ! -e /var/lib/dpkg/info/docker.io.$s ] || cp /var/lib/dpkg/info/docker.io.$s t/DEBIAN/
done
dpkg-deb -Znone -b t docker.io.deb >/dev/null; rm -rf t
(dpkg-deb -f docker.io.deb; echo "Filename: ./docker.io.deb"; echo "Size: $(stat -c %s docker.io.deb)"
 echo "SHA256: $(sha256sum docker.io.deb | cut -d' ' -f1)") > Packages
echo "deb [trusted=yes] file:/srv/mirror ./" > /etc/apt/sources.list.d/mirror.list
dpkg --remove --force-depends docker.io; rm -f /var/run/docker.sock
"""
STATE = f"cat {DAEMON_JSON} /etc/hosts; ls -ld /data/* /opt/mip; command -v dockerd; id mipdata; ls /srv/site"
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
    lab.node("wk2").run(UNPLUG)
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
    return told


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


def test_data_are_the_users_and_closed_to_others(story):
    for name in NODES:
        assert "drwxrwx--- 2 mipdata mipdata" in story.applied[name]
        assert "/data/brain" in story.applied[name]
        assert ("/opt/mip" in story.applied[name]) is (name == "ms")


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

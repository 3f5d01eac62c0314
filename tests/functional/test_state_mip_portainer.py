"""Portainer as a service of the swarm, before a mock of the engine: there is no Portainer in the tests."""

import copy

import pytest

ARGS = {"name": "mip-portainer", "image": "portainer/portainer:latest", "data": "/opt/mip/portainer"}
DOMAIN = "mip.hospital.example"
# As the engine tells what the playbook created: `docker service create` adds a digest and defaults.
INCUMBENTS = {
    "Name": "mip-portainer",
    "Labels": {},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "portainer/portainer:latest@sha256:" + "0" * 64,
            "Init": False,
            "Mounts": [
                {"Type": "bind", "Source": "/opt/mip/portainer", "Target": "/data"},
                {"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/var/run/docker.sock"},
            ],
            "Isolation": "default",
        },
        "Placement": {"Constraints": ["node.role == manager"], "Platforms": [{"OS": "linux"}]},
        "ForceUpdate": 0,
        "Runtime": "container",
    },
    "Mode": {"Replicated": {"Replicas": 1}},
    "EndpointSpec": {
        "Mode": "vip",
        "Ports": [{"Protocol": "tcp", "TargetPort": 9000, "PublishedPort": 9000, "PublishMode": "host"}],
    },
}


@pytest.fixture
def states(node):
    return node.loaders.states.mip_portainer


@pytest.fixture
def certificate(node):
    folder = node.etc / "letsencrypt" / "live" / DOMAIN
    folder.mkdir(parents=True)
    return folder


def spec(engine):
    return engine.services["id-mip-portainer"]["Spec"]


def mounts(engine):
    """Return what is mounted; the node of these tests lies in a folder, and so do its socket and /etc."""
    found = spec(engine)["TaskTemplate"]["ContainerSpec"]["Mounts"]
    return [tuple(one[end].replace(str(engine.folder), "") for end in ("Source", "Target")) for one in found]


def incumbents(engine, **changes):
    told = copy.deepcopy(INCUMBENTS)
    for end in ("Source", "Target"):
        told["TaskTemplate"]["ContainerSpec"]["Mounts"][1][end] = f"{engine.folder}/var/run/docker.sock"
    told["TaskTemplate"]["ContainerSpec"].update(changes)
    engine.services["id-mip-portainer"] = {"ID": "id-mip-portainer", "Version": {"Index": 1}, "Spec": told}
    return copy.deepcopy(told)


def test_it_runs_on_the_manager_at_port_9000_of_the_host_with_the_engines_socket_and_its_folder(states, engine):
    assert states.running(**ARGS, timeout=0).result is True
    task = spec(engine)["TaskTemplate"]
    assert task["ContainerSpec"]["Image"] == "portainer/portainer:latest"
    assert mounts(engine) == [
        ("/var/run/docker.sock", "/var/run/docker.sock"),
        ("/opt/mip/portainer", "/data"),
    ]
    assert task["Placement"] == {"Constraints": ["node.role == manager"]}
    (port,) = spec(engine)["EndpointSpec"]["Ports"]
    assert (port["PublishedPort"], port["TargetPort"], port["PublishMode"]) == (9000, 9000, "host")
    assert "Args" not in task["ContainerSpec"]


def test_the_second_time_nothing_changes(states, engine):
    states.running(**ARGS, timeout=0)
    before = engine.changing
    ret = states.running(**ARGS, timeout=0)
    assert (ret.result, ret.changes, engine.changing) == (True, {}, before)


def test_with_a_domain_it_has_that_ones_certificate(states, engine, certificate):
    assert states.running(**ARGS, domain=DOMAIN, timeout=0).result is True
    container = spec(engine)["TaskTemplate"]["ContainerSpec"]
    assert container["Args"][0] == "--ssl"
    assert f"/certs/live/{DOMAIN}/privkey.pem" in container["Args"]
    assert (f"/etc/letsencrypt/archive/{DOMAIN}", f"/certs/archive/{DOMAIN}") in mounts(engine)


@pytest.mark.parametrize("test", [False, True])
def test_without_the_certificate_it_is_not_started_and_not_without_tls_either(states, engine, test):
    ret = states.running(**ARGS, domain=DOMAIN, timeout=0, test=test)
    assert (ret.result, ret.changes, engine.changing) == (False, {}, [])
    assert f"/etc/letsencrypt/live/{DOMAIN} is not there" in ret.comment


def test_one_that_is_ours_follows_the_settings(states, engine, certificate):
    states.running(**ARGS, timeout=0)
    ret = states.running(**ARGS, domain=DOMAIN, timeout=0)
    assert ret.changes["mip-portainer"]["new"].endswith("restarted")
    assert spec(engine)["TaskTemplate"]["ContainerSpec"]["Args"][0] == "--ssl"


def test_a_trial_starts_nothing(states, engine):
    ret = states.running(**ARGS, test=True)
    assert (ret.result, list(ret.changes), engine.changing) == (None, ["mip-portainer"], [])


def test_the_incumbents_that_is_the_same_is_adopted_without_a_restart(states, engine):
    before = incumbents(engine)
    assert states.running(**ARGS, test=True).result is None
    ret = states.running(**ARGS, timeout=0)
    assert ret.changes == {"mip-portainer": {"old": "not by mip-salt", "new": "adopted"}}
    assert {**spec(engine), "Labels": {}} == before
    assert states.running(**ARGS, timeout=0).changes == {}


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(
    ("change", "told"), [({"Image": "portainer/portainer-ce:2"}, "image"), ({"Env": ["A=1"]}, "environment")]
)
def test_one_of_somebody_elses_is_told_with_what_is_otherwise_and_not_touched(states, engine, change, told, test):
    before = incumbents(engine, **change)
    for state in (states.running, states.absent):
        ret = state(**ARGS, test=test)
        assert (ret.result, ret.changes) == (False, {})
        assert f"not ours, with other {told}" in ret.comment
    assert (spec(engine), engine.changing) == (before, [])


def test_what_does_not_run_in_time_is_told_with_swarms_own_reason(states, engine):
    engine.pending = True
    ret = states.running(**ARGS, timeout=0)
    assert ret.result is False
    assert "pending: no suitable node" in ret.comment


@pytest.mark.parametrize("whose", ["ours", "the incumbent's", "the incumbent's with TLS"])
def test_it_is_removed_once(states, engine, certificate, whose):
    domain = DOMAIN if "TLS" in whose else ""
    states.running(**ARGS, domain=domain, timeout=0)
    if whose != "ours":
        spec(engine)["Labels"].clear()
    assert states.absent(**ARGS, domain=DOMAIN, test=True).result is None
    assert states.absent(**ARGS, domain=DOMAIN).changes == {"mip-portainer": {"old": "runs", "new": ""}}
    assert engine.services == {}
    again = states.absent(**ARGS, domain=DOMAIN)
    assert (again.result, again.changes) == (True, {})

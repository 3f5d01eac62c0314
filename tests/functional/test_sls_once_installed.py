"""The tree of states: what runs once a version of MIP is installed."""

import pytest
from functional.states import EVERY_NODE, low, named, running


def own(tree, role, **more):
    """Return what a role's states are beside those of every node."""
    return [one for one in low(tree, running(role, **more)) if one["__id__"] not in dict(EVERY_NODE)]


def test_the_master_holds_the_swarm_and_deploys_on_every_enabled_node_side_by_side(tree):
    assert [one["__id__"].removeprefix("mip-") for one in own(tree, "master")] == [
        "master-directory",
        *("swarm-encryptable", "swarm-manager", "swarm-network"),
        *("stacks-docker-compose-master.yml", "stacks-docker-compose-worker.yml"),
        *("stacks-ms-member", "stacks-wk1-member", "stacks-wk2-drained"),
        *("stacks-ms-deployed", "stacks-wk1-deployed"),
        *("stacks-ms-running", "stacks-wk1-running"),
        "stacks-healthy",
    ]


def test_exaremes_files_reach_the_master_as_they_are(tree):
    found = named(low(tree, running("master")))
    assert found["mip-stacks-docker-compose-master.yml"]["contents"] == "a: {{ 1 }}\n"
    deployed = found["mip-stacks-ms-deployed"]
    assert (deployed["name"], deployed["env"]) == ("brain-ms", {"A": "1"})
    assert deployed["compose"] == found["mip-stacks-docker-compose-master.yml"]["name"]
    assert found["mip-stacks-ms-member"]["labels"] == {"name": "brain-ms"}
    assert found["mip-stacks-healthy"]["nodes"] == ["brain-ms", "brain-wk1"]
    assert found["mip-stacks-healthy"]["addresses"] == {"brain-ms": "10.0.0.11", "brain-wk1": "10.0.0.21"}


def test_a_worker_joins_or_is_verified_and_its_states_hold_no_key(tree):
    given = running()
    given["mip"]["join"] = {"token": "SWMTKN-1-secret"}
    chunks = low(tree, given)
    joined = named(chunks)["mip-swarm-joined"]
    assert (joined["manager"], joined["address"]) == ("10.0.0.11", "10.0.0.21")
    assert "SWMTKN" not in str(chunks)


@pytest.mark.parametrize("role", ["master", "worker"])
def test_only_an_encrypted_network_asks_for_a_kernel_that_can(tree, role):
    assert "mip-swarm-encryptable" in named(low(tree, running(role)))
    assert "mip-swarm-encryptable" not in named(low(tree, running(role, encrypted=False)))


def test_the_front_ends_variables_are_shown_to_nobody(tree):
    env = named(low(tree, running("ui")))["mip-ui-env"]
    assert env["contents"] == ["EXAREME_IP=10.0.0.11", 'SECRET=a"b{{ 1+1 }}']
    assert (env["mode"], env["show_changes"]) == ("0600", False)


def test_the_front_end_starts_after_its_files_and_is_waited_for(tree):
    ids = [one["__id__"].removeprefix("mip-ui-") for one in own(tree, "ui")]
    assert ids[-5:] == ["Federation/docker-compose.yml", "env", "up", "answers", "reaches-the-master"]


# --- service commands ------------------------------------------------------------------------------------------------


def chosen(*nodes, role="master", **service):
    """Return a pillar with what a service command is about."""
    given = running(role)
    given["mip"]["service"] = {**service, **({"nodes": list(nodes)} if nodes else {})}
    return given


def of(tree, given, *names):
    """Return the ids and names of the states of some files, without what they stand on."""
    highstate = tree(given)
    data, errors = highstate.render_highstate({"base": list(names)})
    chunks, more = highstate.state.compile_high_data(data)
    assert errors + more == []
    kept = ("mip_stack", "mip_swarm_node", "mip_service", "mip_exareme", "mip_portainer", "mip_project", "mip_web")
    return [(one["__id__"].removeprefix("mip-"), one["name"]) for one in chunks if one["state"] in kept]


def test_one_nodes_stack_is_deployed_and_only_that_node_is_waited_for(tree):
    found = of(tree, chosen("wk1"), "mip.stacks")
    assert [name for name, _ in found] == [
        *("stacks-wk1-member", "stacks-wk1-deployed", "stacks-wk1-running", "stacks-healthy")
    ]
    (healthy,) = [one for one in low_of(tree, chosen("wk1"), "mip.stacks") if one["__id__"] == "mip-stacks-healthy"]
    assert healthy["nodes"] == ["brain-wk1"]


def low_of(tree, given, *names):
    highstate = tree(given)
    return highstate.state.compile_high_data(highstate.render_highstate({"base": list(names)})[0])[0]


def test_a_stop_removes_only_stacks_that_bear_a_nodes_hostname_workers_first_also_of_disabled_ones(tree):
    found = of(tree, chosen(), "mip.stacks.stopped")
    names = ["brain-wk2", "brain-wk1", "brain-ms"]
    assert [name for state, name in found if state.endswith("absent")] == names
    assert [name for state, name in found if state.endswith("ended")] == names
    assert [name for _, name in of(tree, chosen("wk1"), "mip.stacks.stopped")] == ["brain-wk1"] * 2


def test_a_restart_makes_the_masters_tasks_anew_first_and_leaves_disabled_nodes_out(tree):
    found = of(tree, chosen(), "mip.stacks.restarted")
    assert [name for state, name in found if state.endswith("anew")] == ["brain-ms", "brain-wk1"]
    assert found[-1] == ("stacks-healthy", "http://127.0.0.1:9090")
    assert [state for state, _ in of(tree, chosen("wk1"), "mip.stacks.restarted")] == [
        *("stacks-wk1-member", "stacks-wk1-anew", "stacks-healthy")
    ]


def test_portainer_is_part_of_an_apply_only_if_the_settings_say_so(tree):
    given = running("master")
    assert "mip-portainer-running" not in named(low(tree, given))
    given["mip"]["settings"]["portainer"].update(enabled=True, domain="mip.hospital.example")
    portainer = named(low(tree, given))["mip-portainer-running"]
    assert (portainer["domain"], portainer["data"]) == ("mip.hospital.example", "/opt/mip/portainer")


def test_the_plain_portainer_of_a_service_command_has_no_certificate_and_the_secure_one_has(tree):
    for kind, domain in (("plain", ""), ("secure", "mip.hospital.example")):
        given = chosen(portainer=kind)
        given["mip"]["settings"]["portainer"]["domain"] = "mip.hospital.example"
        assert named(low_of(tree, given, "mip.portainer"))["mip-portainer-running"]["domain"] == domain


@pytest.mark.parametrize(
    ("role", "service", "has", "lacks"),
    [
        ("master", {}, "mip-stacks-healthy", "mip-portainer-running"),
        ("master", {"portainer": "plain"}, "mip-portainer-running", "mip-identity-present"),
        ("master", {"portainer": "plain", "exareme": False}, "mip-portainer-running", "mip-stacks-healthy"),
        ("worker", {}, "mip-swarm-joined", "mip-stacks-healthy"),
        ("ui", {}, "mip-ui-answers", "mip-swarm-joined"),
    ],
)
def test_a_deploy_does_each_roles_part_of_the_services(tree, role, service, has, lacks):
    found = named(low_of(tree, chosen(role=role, **service), "mip.service.deployed"))
    assert has in found
    assert lacks not in found


def test_the_ui_waits_less_for_the_master_where_a_run_looks_for_it_again(tree):
    given = running("ui")
    states = ("mip-ui-reaches-the-master", "mip-ui-answers")
    assert [named(low(tree, given))[name]["timeout"] for name in states] == [300, 300]
    given["mip"]["patience"] = 15
    assert [named(low(tree, given))[name]["timeout"] for name in states] == [15, 300]

"""The tree of states: what each node gets, out of its pillar alone."""

import pytest
from functional.states import (
    COMPONENTS,
    EVERY_NODE,
    HOSTNAME,
    ITS_OWN,
    KEY,
    MACHINE_ID,
    ROLES,
    RUNS,
    low,
    named,
    only_the_identity,
    pillar,
    running,
    words,
)
from mip_salt.ssh.install import RESTRICT, RESTRICT_BASTION


@pytest.mark.parametrize("role", ROLES)
def test_each_role_verifies_the_machine_first_and_then_does_its_work_in_order(tree, role):
    chunks = low(tree, pillar(role))
    assert words(chunks) == EVERY_NODE + ITS_OWN[role]
    first, identity = chunks[:2]
    assert (first["order"], first["failhard"]) == (1, True)
    assert (first["name"], first["hostname"], first["machine_id"]) == ("wk1", HOSTNAME, MACHINE_ID)
    assert (identity["name"], identity["public_key"], identity["sudo"]) == ("mipadmin", KEY, True)
    assert identity["require"] == [{"mip_host": "mip-host-verified"}]


def test_data_are_the_users_alone_and_no_password_is_set(tree):
    given = pillar("master")
    given["mip"]["settings"]["data"] = {"path": "/srv/d", "user": "u", "group": "g", "groups": ["docker"]}
    chunks = named(low(tree, given))
    user, data = chunks["mip-data-user-present"], chunks["mip-data-federation-directory"]
    assert (user["name"], user["optional_groups"], user["remove_groups"]) == ("u", ["g", "docker"], False)
    assert not {"password", "hash_password", "empty_password"} & set(user)
    assert user["unless"] == [{"fun": "user.info", "name": "u"}]
    assert "shell" not in chunks["mip-data-user-groups"]
    assert (data["name"], data["user"], data["group"], data["mode"]) == ("/srv/d/brain", "u", "g", "0770")
    above = chunks["mip-data-root-directory"]
    assert (above["mode"], above["unless"]) == ("0755", [{"fun": "file.directory_exists", "path": "/srv/d"}])
    assert not {"user", "group"} & set(above)
    master = chunks["mip-master-directory"]
    assert (master["name"], master["user"], master["mode"]) == ("/opt/mip", "u", "0770")


def test_peers_resolve_and_their_old_addresses_go(tree):
    host = named(low(tree, pillar()))["mip-hosts-brain-ms-present"]
    assert (host["name"], host["ip"], host["clean"]) == ("brain-ms", "10.0.0.11", True)


def test_the_operator_leaves_out_hosts_and_time(tree):
    given = pillar()
    given["mip"].update(hosts={})
    given["mip"]["settings"]["time_sync"] = False
    assert not [chunk for chunk in low(tree, given) if chunk["state"] in ("host", "mip_time")]


def test_the_distributions_engine_is_installed_by_default_and_its_daemon_json_left_alone(tree):
    chunks = named(low(tree, pillar()))
    assert chunks["mip-docker-installed"]["packages"] == ["docker.io"]
    assert not [name for name in chunks if "daemon-json" in name or "repository" in name]


@pytest.mark.parametrize(("os", "part"), [("Debian", "debian"), ("Ubuntu", "ubuntu")])
def test_dockers_own_engine_comes_from_dockers_own_packages_or_their_mirror(tree, os, part):
    given = pillar()
    given["mip"]["settings"]["docker"].update(source="docker-ce", mirror="https://mirror.example/docker", key="A" * 40)
    state = tree(given)
    state.opts["grains"].update(os=os, oscodename="jammy")
    chunks = state.compile_low_chunks()
    order = [chunk["__id__"] for chunk in chunks if "docker" in chunk["__id__"]]
    assert order == ["mip-docker-repository", "mip-docker-installed", "mip-docker-running"]
    repository, installed = (named(chunks)[name] for name in order[:2])
    assert (repository["url"], repository["suite"]) == (f"https://mirror.example/docker/{part}", "jammy")
    assert (repository["key"], repository["package"]) == ("A" * 40, "docker-ce")
    assert repository["unless"] == [{"fun": "mip_docker.there"}]
    assert installed["packages"] == ["docker-ce", "docker-ce-cli", "containerd.io"]
    assert {"mip_apt": "mip-docker-repository"} in installed["require"]


def test_keys_of_the_engine_are_merged_before_it_is_held_to_run(tree):
    given = pillar()
    keys = {"log-opts": {"max-size": "10m"}, "debug": None, "mtu": 1450}
    given["mip"]["settings"]["docker"]["daemon"] = keys
    chunks = low(tree, given)
    ids = [chunk["__id__"] for chunk in chunks]
    assert named(chunks)["mip-docker-daemon-json-merged"]["keys"] == keys
    assert ids.index("mip-docker-daemon-json-merged") + 1 == ids.index("mip-docker-running")


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_a_file_that_can_be_run_alone(tree, role):
    state = tree(pillar(role))
    high, errors = state.render_highstate({"base": [f"mip.roles.{role}"]})
    assert errors == []
    assert {"mip-host-verified", "mip-identity-present"} <= set(high)


@pytest.mark.parametrize("sls", [*COMPONENTS, *RUNS, *[f"mip.roles.{role}" for role in ROLES]])
def test_no_component_comes_without_the_verification(tree, sls):
    high, errors = tree(running()).render_highstate({"base": [sls]})
    assert errors == []
    assert "mip-host-verified" in high


def test_a_bastion_may_forward_as_first_contact_allowed_it_and_no_other_node(tree):
    given = pillar()
    assert low(tree, given)[1]["options"] == RESTRICT
    given["mip"]["node"]["is_bastion"] = True
    assert low(tree, given)[1]["options"] == RESTRICT_BASTION


def test_root_needs_no_sudo_rule(tree):
    assert low(tree, pillar(user="root"))[1]["sudo"] is False


@pytest.mark.parametrize("text", ["on", "0x10", "12e3", "2026-01-01", "null", "~", "{{ 1+1 }}", 'a"b', "a: b", "é"])
def test_every_value_reaches_the_state_as_it_is(tree, text):
    given = pillar(hostname=text, machine_id=text)
    given["mip"]["identity"]["public_key"] = text
    first, identity = low(tree, given)[:2]
    assert (first["hostname"], first["machine_id"], identity["public_key"]) == (text, text, text)


def test_the_role_comes_from_the_pillar_never_from_the_nodes_grains(tree):
    state = tree(pillar(role=None))
    state.opts["grains"].update(role="worker", mip={"node": {"role": "worker"}})
    assert words(state.compile_low_chunks()) == [("mip-roles-unknown", "test.fail_without_changes")]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mip": None},
        {"mip": {"node": None}},
        {"mip": {"identity": {"hostname": HOSTNAME, "machine_id": MACHINE_ID}}},
        pillar(role=None),
        pillar(role="../../root"),
        pillar(role="unknown"),
        pillar(role="Worker"),
    ],
)
def test_a_node_without_a_known_role_fails_and_says_what_to_run(tree, node, given):
    (ret,) = tree(given).call_highstate().values()
    assert ret["result"] is False
    assert ret["name"].strip() == "the pillar does not say which role this node has: run mip-salt configure --node wk1"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("missing", ["identity", "hostname", "machine_id"])
def test_a_node_without_its_confirmed_identity_fails_at_once_and_says_what_to_run(tree, node, role, missing):
    given = pillar(role)
    given["mip"].pop(missing, None)
    given["mip"].get("identity", {}).pop(missing, None)
    (ret,) = tree(given).call_highstate().values()
    assert ret["result"] is False
    assert ret["comment"] == "this node's identity is not in the vault: run mip-salt configure --node wk1"
    assert list(node.home.iterdir()) == []


def test_the_highstate_changes_first_and_nothing_the_second_time(tree, node):
    only_the_identity(tree)
    first = tree(pillar()).call_highstate()
    assert [(ret["__id__"], ret["result"], bool(ret["changes"])) for ret in first.values()] == [
        ("mip-host-verified", True, False),
        ("mip-identity-present", True, True),
    ]
    second = tree(pillar()).call_highstate()
    assert [(ret["result"], ret["changes"]) for ret in second.values()] == [(True, {})] * 2

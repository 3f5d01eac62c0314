"""The tree of states: what each node gets, out of its pillar alone."""

import copy
import os

import pytest
from mip_salt.federation.settings import PUSHERS, Settings
from mip_salt.ssh.install import RESTRICT, RESTRICT_BASTION

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKkz3qkBqLhQ9kqtpg1KJyWFKsd0cTBHD3ZMxkOyE4Qb mip-salt:brain"
MACHINE_ID = "104a81cbac7c46d7a67f2a2d8553ec55"
HOSTNAME = os.uname().nodename
ROLES = ["master", "ui", "worker"]
EVERY_NODE = [
    ("mip-host-verified", "mip_host.verified"),
    ("mip-identity-present", "mip_identity.present"),
    ("mip-data-group-present", "group.present"),
    ("mip-data-user-present", "user.present"),
    ("mip-data-user-groups", "user.present"),
    ("mip-data-root-directory", "file.directory"),
    ("mip-data-federation-directory", "file.directory"),
    ("mip-hosts-brain-ms-present", "host.present"),
    ("mip-time-synchronised", "mip_time.synchronised"),
    ("mip-docker-installed", "mip_docker.installed"),
    ("mip-docker-running", "mip_docker.running"),
]
COMPONENTS = ["mip.identity", "mip.data", "mip.hosts", "mip.time", "mip.docker", "mip.compose", "mip.master"]
RUNS = ["mip.swarm.encryptable", "mip.swarm.manager", "mip.swarm.worker", "mip.stacks", "mip.ui"]
ITS_OWN = {
    "master": [("mip-master-directory", "file.directory")],
    "ui": [("mip-compose-installed", "mip_compose.installed")],
    "worker": [],
}


def pillar(role="worker", node="wk1", user="mipadmin", hostname=HOSTNAME, machine_id=MACHINE_ID):
    """Return what the vault and the federation tell a node."""
    return {
        "mip": {
            "federation": "brain",
            "node": {"id": node, "role": role, "hostname": hostname, "site": None, "user": user},
            "settings": Settings().model_dump(mode="json", exclude=PUSHERS),
            "peers": {},
            "hosts": {"brain-ms": "10.0.0.11"},
            "identity": {"public_key": KEY, "hostname": hostname, "machine_id": machine_id},
        }
    }


def running(role="worker", node="wk1", encrypted=True):
    """Return what they are told once a version of MIP is installed."""
    given = pillar(role, node)
    network = {
        "name": "mip-federation",
        "subnet": "10.20.30.0/24",
        "gateway": "10.20.30.254",
        "encrypted": encrypted,
    }
    stacks = [
        {
            "id": "ms",
            "hostname": "brain-ms",
            "enabled": True,
            "compose": "docker-compose-master.yml",
            "env": {"A": "1"},
        },
        {"id": "wk1", "hostname": "brain-wk1", "enabled": True, "compose": "docker-compose-worker.yml", "env": {}},
        {"id": "wk2", "hostname": "brain-wk2", "enabled": False, "compose": "docker-compose-worker.yml", "env": {}},
    ]
    files = {"docker-compose-master.yml": "a: {{ 1 }}\n", "docker-compose-worker.yml": "b: 2\n"}
    env = {"EXAREME_IP": "10.0.0.11", "SECRET": 'a"b{{ 1+1 }}'}
    given["mip"].update(
        version={"mip": "7.1.0", "exareme": "24.5.1"},
        swarm={"manager": "10.0.0.11", "address": "10.0.0.21", "network": network},
        stack={"files": files, "stacks": stacks},
        ui={"files": {"Federation/docker-compose.yml": "services: {}\n"}, "env": env},
    )
    return given


@pytest.fixture
def tree(loaded, tmp_path):
    """Salt's highstate over the shipped tree, and over the operator's own states before it."""
    import salt.state

    own = tmp_path / "states"
    own.mkdir()

    def highstate(given, node="wk1"):
        opts = loaded.opts(tmp_path, [own, loaded.folder / "states"], node=node)
        opts.update(extension_modules=str(loaded.folder / "extmods"), grains=copy.deepcopy(loaded.loaders.grains))
        return salt.state.HighState(opts, initial_pillar=given)

    highstate.own = own
    return highstate


def low(tree, given, node="wk1"):
    """Return the low state; a list of errors is a failure."""
    chunks = tree(given, node).compile_low_chunks()
    assert all(isinstance(chunk, dict) for chunk in chunks), chunks
    return chunks


def words(chunks):
    return [(chunk["__id__"], f"{chunk['state']}.{chunk['fun']}") for chunk in chunks]


def only_the_identity(tree):
    """Leave out what would change this machine: an operator's component wins over the package's."""
    folder = tree.own / "mip" / "roles"
    folder.mkdir(parents=True)
    (folder / "node.sls").write_text("include: [mip.host, mip.identity]\n")


def named(chunks):
    return {chunk["__id__"]: chunk for chunk in chunks}


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


# --- what runs once a version of MIP is installed -----------------------------------------------------------------


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


# ----------------------------------------------------------------------------------------------------------------------


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


def own_states(tree, folder):
    (tree.own / "top.sls").write_text("base:\n  '*':\n    - own\n    - mip.roles.worker\n")
    (tree.own / "own.sls").write_text(f"aaa-own:\n  file.touch:\n    - name: {folder}/touched\n")


def test_on_another_machine_the_operators_own_states_do_not_run_either(tree, node, tmp_path):
    own_states(tree, tmp_path)
    (ret,) = tree(pillar(machine_id="0" * 32)).call_highstate().values()
    assert (ret["__id__"], ret["result"]) == ("mip-host-verified", False)
    assert not (tmp_path / "touched").exists()
    assert list(node.home.iterdir()) == []


def test_on_the_confirmed_machine_they_run_after_the_verification(tree, node, tmp_path):
    only_the_identity(tree)
    own_states(tree, tmp_path)
    assert next(iter(words(low(tree, pillar())))) == ("mip-host-verified", "mip_host.verified")
    assert all(ret["result"] for ret in tree(pillar()).call_highstate().values())
    assert (tmp_path / "touched").exists()


def test_an_operators_component_wins_over_the_packages(tree, node):
    folder = tree.own / "mip" / "roles"
    folder.mkdir(parents=True)
    (folder / "worker.sls").write_text("include: [mip.host]\n")
    assert words(low(tree, pillar())) == [("mip-host-verified", "mip_host.verified")]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("file", ["site.sls", "site/init.sls"])
def test_the_operators_site_states_run_after_ours_on_every_node(tree, role, file):
    (tree.own / "site").mkdir()
    (tree.own / file).write_text("aaa-theirs:\n  test.nop\n")
    assert words(low(tree, pillar(role))) == [*EVERY_NODE, *ITS_OWN[role], ("aaa-theirs", "test.nop")]


def test_the_operators_site_states_of_a_role_run_last_and_on_no_other(tree):
    (tree.own / "site").mkdir()
    (tree.own / "site" / "ui.sls").write_text("aaa-of-ui:\n  test.nop\n")
    (tree.own / "site" / "init.sls").write_text("zzz-of-all:\n  test.nop\n")
    assert [chunk["__id__"] for chunk in low(tree, pillar("ui"))][-2:] == ["zzz-of-all", "aaa-of-ui"]
    assert "aaa-of-ui" not in named(low(tree, pillar("worker")))


def test_on_another_machine_the_operators_site_states_do_not_run(tree, node):
    (tree.own / "site.sls").write_text("theirs:\n  test.nop\n")
    (ret,) = tree(pillar(machine_id="0" * 32)).call_highstate().values()
    assert (ret["__id__"], ret["result"]) == ("mip-host-verified", False)

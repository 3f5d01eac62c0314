"""The external pillar of what runs: nothing before a version is installed, then to each role its own."""

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.pillars.mip_runs import ext_pillar
from mip_salt.versions import kept
from mip_salt.versions.needs import COMPOSE_FILES
from mip_salt.versions.pair import Pair, Pin

COMPOSE = "Federated-Deployment/docker-swarm/Compose-Files"
DOCUMENT = """\
mip:
  federation: brain
  settings: {%s}
  nodes:
    ms: {role: master, address: 10.9.9.1, hostname: brain-ms}
    ui: {role: ui, address: 10.9.9.2, hostname: brain-ui}
    wk1: {role: worker, address: 10.9.9.3, hostname: brain-wk1}
    wk2: {role: worker, address: 10.9.9.4, hostname: brain-wk2, enabled: false}
    wk3: {role: worker, address: 10.9.9.5}
"""


@pytest.fixture
def folder(tmp_path):
    """A federation without a version."""
    folder = Folder(tmp_path / "brain")
    folder.create()
    folder.document.write_text(DOCUMENT % "")
    return folder


@pytest.fixture
def installed(folder):
    """The same with one."""
    pair = Pair(Pin("7.1.0", "a" * 40), Pin("24.5.1", "b" * 40), "24.5.1", (), (), COMPOSE)
    with kept.staging(folder) as path:
        for name in COMPOSE_FILES:
            (path / COMPOSE).mkdir(parents=True, exist_ok=True)
            (path / COMPOSE / name).write_text(f"# {name}\n")
        (path / "mip-deployment" / "Federation" / "config").mkdir(parents=True)
        (path / "mip-deployment" / ".versions_env").write_text("# tags\nEXAREME=24.5.1\nMIP=7.1.0\n\n")
        (path / "mip-deployment" / "Federation" / "docker-compose.yml").write_text("services: {}\n")
        (path / "mip-deployment" / "Federation" / "config" / "a.json").write_text("{}\n")
        version = kept.seal(folder, path, pair, {}, "")
    kept.switch(folder, version.id)
    return folder


def told(folder, node):
    return ext_pillar(node, {}, str(folder.path))


@pytest.mark.parametrize("node", ["ms", "ui", "wk1", "wk9"])
def test_without_a_version_nothing_is_told(folder, node):
    assert told(folder, node) == {}


def test_what_the_incumbent_left_in_its_place_is_no_version(folder):
    folder.exareme.mkdir()
    assert told(folder, "ms") == {}


@pytest.mark.parametrize(
    ("node", "keys"),
    [("ms", {"version", "swarm", "stack"}), ("ui", {"version", "ui"}), ("wk1", {"version", "swarm"})],
)
def test_with_one_each_role_is_told_what_it_runs(installed, node, keys):
    assert set(told(installed, node)["mip"]) == keys
    assert told(installed, node)["mip"]["version"] == {"mip": "7.1.0", "exareme": "24.5.1"}


def test_an_id_that_is_no_node_is_told_nothing(installed):
    assert told(installed, "wk9") == {}


def test_a_worker_is_told_where_the_manager_is_and_where_it_is_itself(installed):
    swarm = told(installed, "wk1")["mip"]["swarm"]
    assert (swarm["manager"], swarm["address"]) == ("10.9.9.1", "10.9.9.3")
    assert swarm["network"] == {
        "name": "mip-federation",
        "subnet": "10.20.30.0/24",
        "gateway": "10.20.30.254",
        "encrypted": True,
        "mtu": 0,
    }


def test_the_master_is_given_exaremes_files_and_the_incumbents_variables(installed):
    stack = told(installed, "ms")["mip"]["stack"]
    assert stack["files"] == {name: f"# {name}\n" for name in COMPOSE_FILES}
    master, worker, disabled = stack["stacks"]
    assert (master["hostname"], master["compose"]) == ("brain-ms", "docker-compose-master.yml")
    assert (worker["id"], worker["compose"], worker["enabled"]) == ("wk1", "docker-compose-worker.yml", True)
    assert (disabled["id"], disabled["enabled"]) == ("wk2", False)
    assert worker["env"] == {
        "FEDERATION_NODE": "brain-wk1",
        "FEDERATION_ROLE": "worker",
        "EXAREME_IMAGE": "hbpmip/exareme:24.5.1",
        "EXAREME_KEYSTORE": "exareme-keystore:8500",
        "DOCKER_DATA_FOLDER": "/root/exareme/data/",
        "LOCAL_DATA_FOLDER": "/data/brain/",
    }


def test_what_the_operator_set_is_what_is_run(installed):
    installed.document.write_text(
        DOCUMENT % "stack: {image: 'registry.chuv.ch:5000/exareme', tag: '24.5.1-chuv', keystore: 'tasks.k:8500'}, "
        "data: {path: /srv/mip}, swarm: {encrypted: false, subnet: 172.30.0.0/22, mtu: 1400}"
    )
    env = told(installed, "ms")["mip"]["stack"]["stacks"][0]["env"]
    assert env["EXAREME_IMAGE"] == "registry.chuv.ch:5000/exareme:24.5.1-chuv"
    assert (env["EXAREME_KEYSTORE"], env["LOCAL_DATA_FOLDER"]) == ("tasks.k:8500", "/srv/mip/brain/")
    network = told(installed, "ms")["mip"]["swarm"]["network"]
    assert (network["encrypted"], network["gateway"], network["mtu"]) == (False, "172.30.3.254", 1400)


def test_the_ui_is_given_its_files_and_variables_and_where_the_master_is(installed):
    ui = told(installed, "ui")["mip"]["ui"]
    assert set(ui["files"]) == {"Federation/docker-compose.yml", "Federation/config/a.json"}
    assert (ui["env"]["EXAREME_IP"], ui["env"]["PUBLIC_MIP_HOST"]) == ("10.9.9.1", "10.9.9.2")
    assert (ui["env"]["EXAREME"], ui["env"]["MIP"]) == ("24.5.1", "7.1.0")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"a" * (1 << 20) + b"a"])
def test_a_file_that_cannot_be_given_is_refused_by_its_name(installed, content):
    path = installed.exareme / COMPOSE / COMPOSE_FILES[0]
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(Damaged, match=r"docker-compose-master\.yml cannot be given to a node"):
        told(installed, "ms")


def test_a_secret_that_is_missing_is_told_with_what_to_do(installed):
    installed.document.write_text(DOCUMENT % "ui: {keycloak: {authentication: true}}")
    with pytest.raises(Damaged, match=r"is not in the vault. What to do: Set it: mip-salt -f brain vault set ui "):
        told(installed, "ui")

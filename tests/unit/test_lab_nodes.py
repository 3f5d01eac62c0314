"""The lab's parts that need no machine: addresses, names, the nodes file, one command at a time."""

import ipaddress
import json
import os
import subprocess
import sys

import pytest
from mip_salt.commands.lab import releases, up
from mip_salt.errors import Busy, UsageError
from mip_salt.federation.nodes_file import parse_nodes_file
from mip_salt.lab import lock, network
from mip_salt.lab.base import base_path
from mip_salt.lab.lab import Lab
from mip_salt.lab.machine import Machine, Record
from mip_salt.lab.node import LabNode
from mip_salt.lab.nodes_file import as_yaml

IDS = ["ms", "ui", *(f"wk{number}" for number in range(1, network.MOST_WORKERS + 1))]
KEY = "SHA256:" + "a" * 43


def node(id_, folder):
    return LabNode(Machine(id_, folder / id_, f"demo-{id_}", folder / "base", False), Record(f"secret of {id_}", KEY))


def test_every_node_has_an_address_of_its_own_in_the_lab_s_networks():
    fours, sixes = zip(*(network.addresses(id_) for id_ in IDS), strict=True)
    assert len({*fours}) == len({*sixes}) == len(IDS)
    assert all(ipaddress.ip_address(four) in ipaddress.ip_network("10.213.77.0/24") for four in fours)
    assert all(ipaddress.ip_address(six) in ipaddress.ip_network("fd6d:6970:6c61:6200::/64") for six in sixes)
    assert not {"10.213.77.1", "10.213.77.255"} & {*fours}


@pytest.mark.parametrize("node", ["wk201", "wk0", "db", "wk1 ; reboot", ""])
def test_a_node_that_a_lab_cannot_have_is_refused(node):
    with pytest.raises(UsageError, match="wk1 to wk200"):
        network.addresses(node)


def test_the_command_offers_as_many_workers_as_there_are_addresses():
    (workers,) = (option for option in up.params if option.name == "workers")
    assert workers.type.max == network.MOST_WORKERS


def test_names_fit_what_the_kernel_takes_for_a_network_card():
    assert max(len(network.link_of(id_)) for id_ in IDS) <= 15


def test_another_release_or_engine_is_another_base(tmp_path):
    bases = {base_path(tmp_path, release, docker) for release in ("bookworm", "trixie") for docker in (False, True)}
    assert len(bases) == 4
    assert base_path(tmp_path, "trixie", True).name.startswith("trixie-docker-")


def test_the_nodes_file_is_read_back_as_it_was_meant(tmp_path):
    wished = parse_nodes_file(as_yaml([node("ms", tmp_path), node("wk1", tmp_path)]), "lab").nodes
    assert [(id_, str(w.role), w.address, w.hostname, w.host_key) for id_, w in wished.items()] == [
        ("ms", "master", "10.213.77.10", "demo-ms", KEY),
        ("wk1", "worker", "10.213.77.21", "demo-wk1", KEY),
    ]
    assert wished["ms"].password.get_secret_value() == "secret of ms"


def test_a_node_shows_no_password_when_it_is_printed(tmp_path):
    assert "secret" not in repr(node("ms", tmp_path))


def test_nodes_are_listed_as_people_read_them_and_half_made_ones_not(tmp_path):
    (tmp_path / "lab.json").write_text('{"name": "demo", "docker": false, "bases": {"ms": "bookworm-1"}}')
    for id_ in ("wk10", "ui", "wk2", "ms", "wk3", "lost+found"):
        (tmp_path / "nodes" / id_).mkdir(parents=True)
        (tmp_path / "nodes" / id_ / "node.json").write_text(json.dumps({"password": "p", "host_key": KEY}))
    (tmp_path / "nodes/wk3/node.json").write_text('{"password": ')
    assert [known.id for known in Lab(tmp_path).nodes()] == ["ms", "ui", "wk2", "wk10"]


def test_a_folder_whose_name_mount_would_misread_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(UsageError, match="comma"):
        Lab(tmp_path / "a,upperdir=b").up()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", ["wk9=trixie", "wk1=buzz", "wk1"])
def test_a_node_or_a_release_that_a_lab_cannot_have_is_refused(other):
    with pytest.raises(UsageError) as refused:
        releases([other], ["ms", "wk1", "wk2"])
    assert "--other wk2=bullseye" in refused.value.hint


def test_one_node_may_have_another_release():
    assert releases(["wk1=trixie"], ["ms", "wk1"]) == {"wk1": "trixie"}


def test_one_command_at_a_time_works_on_labs(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "LOCK", tmp_path / "lock")
    with lock.held(), pytest.raises(Busy), lock.held():
        pass
    with lock.held():
        pass
    assert not (tmp_path / "lock").exists()


def test_without_a_lab_the_nodes_file_says_how_to_boot_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mip_salt", "lab", "nodes-file"],
        env={**os.environ, "MIP_SALT_LAB": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "mip-salt lab up" in done.stderr

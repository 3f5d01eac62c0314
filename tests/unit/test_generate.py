"""The files that raw salt-ssh needs, generated from the one file."""

import re
import shlex
import subprocess

import jinja2
import pytest
import yaml
from mip_salt.federation.folder import Folder
from mip_salt.federation.generate import generated, pre_hook, refresh
from mip_salt.federation.model import Federation
from mip_salt.federation.ssh_options import ssh_arguments

MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "brain")
    folder.create()
    return folder


@pytest.fixture
def federation():
    nodes = {
        "ms": {"role": "master", "address": "10.0.0.11", "hostname": "brain-ms", "machine_id": MACHINE},
        "wk1": {
            "role": "worker",
            "address": "::1",
            "port": 2222,
            "user": "root",
            "bastion": "ms",
            "hostname": "b",
            "machine_id": MACHINE,
        },
        "wk2": {"role": "worker", "address": "10.0.0.22", "enabled": False},
    }
    return Federation.model_validate({"federation": "brain", "nodes": nodes})


def read(folder, federation, name):
    return yaml.safe_load(generated(folder, federation)[getattr(folder, name)])


def test_every_path_is_absolute(folder, federation):
    for path, text in generated(folder, federation).items():
        assert path.is_absolute()
        if path == folder.top:  # Jinja's own, for Salt
            text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text)
        assert "{" not in text.replace("{}", "").replace("|| {", ""), text


def test_the_roster_is_strict_about_host_keys_by_the_nodes_id(folder, federation):
    row = read(folder, federation, "roster")["ms"]
    assert row["ssh_options"][:4] == [
        "HostKeyAlias=ms",
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={folder.known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
    ]
    assert row["sudo"] is True
    assert row["grains"]["id"] == "ms"


def test_the_roster_holds_no_secret_and_no_disabled_node(folder, federation):
    roster = read(folder, federation, "roster")
    assert sorted(roster) == ["ms", "wk1"]
    assert not {key for row in roster.values() for key in row} & {"passwd", "priv_passwd"}


def test_a_login_as_root_needs_no_sudo(folder, federation):
    assert read(folder, federation, "roster")["wk1"]["sudo"] is False


def test_a_bastion_is_held_to_its_own_pin(folder, federation):
    option = read(folder, federation, "roster")["wk1"]["ssh_options"][-1]
    (option,) = shlex.split(option)  # as Salt splits it
    words = shlex.split(option.removeprefix("ProxyCommand="))
    assert words[0] == "ssh"
    assert "HostKeyAlias=ms" in words
    assert f"UserKnownHostsFile={folder.known_hosts}" in words
    assert words[-1] == "mipadmin@10.0.0.11"


def test_openssh_itself_accepts_every_option(folder, federation):
    for name in ("ms", "wk1"):
        done = subprocess.run(
            ["ssh", "-G", *ssh_arguments(folder, federation, name), "host"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        options = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
        assert options["hostkeyalias"] == name
        assert options["stricthostkeychecking"] in ("true", "yes")
        assert options["userknownhostsfile"] == str(folder.known_hosts)
        assert options["passwordauthentication"] == "no"


def targeted(folder, federation, name):
    text = jinja2.Template(generated(folder, federation)[folder.top]).render(opts={"id": name})
    return yaml.safe_load(text)


def test_pillar_is_targeted_by_the_exact_id_that_the_roster_gives(folder, federation):
    for name in ("ms", "wk1", "wk2"):
        top = targeted(folder, federation, name)["base"]
        assert list(top) == [f"L@{name}", name]
        assert top[name] == [f"nodes.{name}"]


@pytest.mark.parametrize("name", ["wk3", "wk", "wk11", "", "*"])
def test_no_pillar_is_for_an_id_that_is_no_node(folder, federation, name):
    assert targeted(folder, federation, name) is None


def test_the_hook_lets_only_the_confirmed_machine_pass():
    import platform
    from pathlib import Path

    here = Path("/etc/machine-id").read_text("utf-8").strip()
    assert subprocess.run(["sh", "-c", pre_hook(here, platform.node())]).returncode == 0
    for hook in (pre_hook(MACHINE, platform.node()), pre_hook(here, "another")):
        done = subprocess.run(["sh", "-c", hook], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (77, "mip-salt: not the confirmed machine\n")


def test_only_what_differs_is_written(folder, federation):
    assert len(refresh(folder, federation)) == 4
    assert refresh(folder, federation) == []
    folder.roster.write_text("#!mip_roster\nms: {host: evil}\n", "utf-8")
    assert refresh(folder, federation) == [folder.roster]

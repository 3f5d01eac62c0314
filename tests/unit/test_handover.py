"""The handover sheet: true to what mip-salt does, filled in as far as it is known, and fit for paper."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation.fingerprint import in_words
from mip_salt.federation.folder import Folder
from mip_salt.ssh.install import key_line
from mip_salt.workflows.handover import handover

DOCUMENT = """\
mip:
  federation: brain
  nodes:
    ms: {role: master, address: 10.0.0.11, hostname: brain-ms, machine_id: 104a81cbac7c46d7a67f2a2d8553ec55}
    ui: {role: ui, address: 10.0.0.12, user: root}
    wk1: {role: worker, site: CHUV, address: 10.0.0.21, port: 2222, user: mip, hostname: brain-wk1}
    wk2: {role: worker, address: 10.0.0.22, bastion: wk1}
"""
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
STATES = Path(__file__).parents[2] / "states" / "mip"
KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


def keygen(path: Path, comment: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True)
    return path.with_suffix(".pub").read_text()


def fingerprint(public: Path) -> str:
    return subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True).stdout.split()[1]


@pytest.fixture
def folder(tmp_path):
    """A federation with an identity, and with wk1 pinned."""
    folder = Folder(tmp_path / "brain")
    folder.create()
    folder.document.write_text(DOCUMENT)
    folder.identity_public.write_text(keygen(tmp_path / "identity", "mip-salt:brain"))
    folder.known_hosts.write_text("wk1 " + " ".join(keygen(tmp_path / "host", "root@x").split()[:2]) + "\n")
    return folder


def scripts(text: str) -> tuple[str, str, str]:
    """Return the sheet's commands: for the account, the host key, and to take us off again."""
    account, host_key, leave = BLOCK.findall(text)
    return account, host_key, leave


def test_a_known_node_is_filled_in(folder, tmp_path):
    sheet = handover(folder, "wk1")
    told = fingerprint(tmp_path / "host.pub")
    assert sheet.host_keys == {"ED25519": told}
    for text in ("For the administrator of CHUV", "brain-wk1", "10.0.0.21:2222", "tcp 2222", told):
        assert text in sheet.text
    assert in_words(told) in " ".join(sheet.text.split())
    assert sheet.user == "mip"


def test_a_node_that_does_not_exist_yet_has_blanks(folder):
    sheet = handover(folder, "wk3", user="guest")
    assert re.search(r"Address +_{10}", sheet.text)
    assert sheet.host_keys == {}
    assert "useradd -m" in sheet.text
    assert "guest" in sheet.text


def test_a_federation_that_does_not_exist_yet_asks_for_a_password(tmp_path):
    text = handover(Folder(tmp_path / "mind"), "ms").text
    assert "passwd mipadmin" in text
    assert "authorized_keys" not in scripts(text)[0]
    assert list(tmp_path.iterdir()) == []


def test_with_an_identity_no_password_is_needed(folder):
    account, _, _ = scripts(handover(folder, "wk3").text)
    assert "passwd" not in account.replace("NOPASSWD", "")
    assert "-p '*'" in account
    by_password = handover(folder, "wk3", by_password=True).text
    assert "passwd mipadmin" in scripts(by_password)[0]
    assert folder.identity_public.read_text().split()[1] not in by_password


def test_root_needs_neither_account_nor_sudo(folder):
    text = handover(folder, "ui").text
    for word in ("useradd", "userdel", "sudoers", "visudo"):
        assert word not in text
    assert "permitrootlogin" in text


def test_one_behind_a_bastion_is_opened_to_the_bastion(folder):
    text = handover(folder, "wk2").text
    assert "| node wk1 | tcp 22 |" in text
    assert "the operator's machine |" not in text


@pytest.mark.parametrize(
    ("node", "ports", "not_these"),
    [
        ("ms", ["2377", "7946", "4789", "ESP", "9090"], ["80, 443"]),
        ("ui", ["80, 443"], ["2377", "7946", "4789", "ESP"]),
        ("wk1", ["7946", "4789", "ESP"], ["80, 443", "9090"]),
    ],
)
def test_the_ports_are_those_of_the_role(node, ports, not_these, folder):
    section = handover(folder, node).text.split("\n## ")[4]
    assert [port for port in ports if port not in section] == []
    assert [port for port in not_these if port in section] == []


def test_what_the_settings_change_is_told(folder):
    settings = (
        "  settings: {data: {path: /srv/mip, user: data, groups: [docker]}, "
        "docker: {source: docker-ce, daemon: {mtu: 1400}}, hosts: false, time_sync: false}\n"
    )
    before = handover(folder, "wk1").text
    folder.document.write_text(DOCUMENT + settings)
    after = handover(folder, "wk1").text
    for text in ("/srv/mip/brain", "user data", "docker-ce", "/etc/apt", "mtu", "in these groups, too: docker"):
        assert text in after
        assert text not in before
    for text in ("/etc/hosts", "chrony"):
        assert text in before
        assert text not in after


def test_every_component_of_the_states_is_told(folder):
    told = {
        "compose": "docker compose",
        "data": "/data/brain",
        "docker": "Docker engine",
        "host": "compared first",
        "hosts": "/etc/hosts",
        "identity": "authorized_keys",
        "master": "/opt/mip",
        "portainer": "Portainer, which shows the swarm",
        "stacks": "exareme's services",
        "time": "chrony",
        "ui": "/opt/mip-deployment/Federation",
    }
    assert {path.parent.name for path in STATES.glob("*/init.sls")} == set(told)
    assert "Portainer" not in handover(folder, "ms").text
    folder.document.write_text(f"{DOCUMENT}  settings: {{portainer: {{enabled: true}}}}\n")
    sheets = handover(folder, "ms").text + handover(folder, "ui").text
    assert [component for component, words in told.items() if words not in sheets] == []


def test_a_bastion_may_forward(folder):
    assert 'echo "restrict,pty,port-forwarding ssh-ed25519' in handover(folder, "wk1").text
    assert 'echo "restrict,pty ssh-ed25519' in handover(folder, "wk2").text


def test_no_other_machines_identity_is_told(folder):
    assert "104a81cbac7c46d7a67f2a2d8553ec55" not in handover(folder, "wk1").text


@pytest.mark.parametrize(
    ("node", "by_password"), list(itertools.product(("ms", "ui", "wk1", "wk2", "wk3"), (False, True))), ids=str
)
def test_the_sheet_fits_on_paper_and_its_commands_are_shell(node, by_password, folder):
    text = handover(folder, node, by_password=by_password).text
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert not re.search(r"\{[{%#]|[%}]\}|None|\n\n\n", text)
    assert re.findall(r"^## (\d)", text, re.M) == list("123456")
    for script in scripts(text):
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_its_line_of_authorized_keys_is_the_one_that_configure_writes(folder):
    account, _, _ = scripts(handover(folder, "wk3").text)
    line = key_line(folder.identity_public.read_text())
    script = "\n".join(row for row in account.splitlines() if re.match("key=|echo", row))
    said = subprocess.run(["sh", "-c", script.rstrip("\\ ")], capture_output=True, check=True).stdout
    assert said == line


@pytest.mark.parametrize(
    "awk", [awk for awk in ("awk", "mawk", "gawk", "original-awk", "busybox awk") if shutil.which(awk.split()[0])]
)
def test_the_machine_says_the_words_that_we_say(awk, folder, tmp_path):
    _, script, _ = scripts(handover(folder, "wk3").text)
    for number in range(5):
        keygen(tmp_path / f"key{number}", "x")
        public = tmp_path / f"key{number}.pub"
        call = ["sh", "-e", "-c", script.replace(KEY, str(public)).replace("| awk", f"| {awk}")]
        first, *words = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
        assert first.split()[1] == fingerprint(public)
        assert [len(line.split()) for line in words] == [8, 8]
        assert " ".join(words).split() == in_words(fingerprint(public)).split()


def test_taking_us_off_takes_ours_and_nothing_else(folder, tmp_path):
    _, _, leave = scripts(handover(folder, "wk1").text)
    ours = key_line(folder.identity_public.read_text()).decode()
    home, rules = tmp_path / "home", tmp_path / "rules"
    keys = home / ".ssh" / "authorized_keys"
    keys.parent.mkdir(parents=True)
    keys.write_text(f"ssh-ed25519 AAAA mip-salt:brainstem\n{ours}ssh-rsa BBBB me\n")
    rules.write_text("mip ALL=(root) NOPASSWD: ALL\nmipadmin ALL=(root) NOPASSWD: ALL\n")
    script = leave.replace("~mip/", f"{home}/").replace("/etc/sudoers.d/mip-salt", str(rules))
    script = "\n".join(line for line in script.splitlines() if line.startswith("sed"))
    subprocess.run(["sh", "-e", "-c", script], check=True)
    assert keys.read_text() == "ssh-ed25519 AAAA mip-salt:brainstem\nssh-rsa BBBB me\n"
    assert rules.read_text() == "mipadmin ALL=(root) NOPASSWD: ALL\n"


@pytest.mark.parametrize("text", ["ssh-ed25519 AAAA mip-salt:mind\n", "", "$(reboot)\n", "\xff"])
def test_another_key_than_the_identity_is_never_handed_out(text, folder):
    folder.identity_public.write_bytes(text.encode("latin-1"))
    with pytest.raises(Damaged) as err:
        handover(folder, "wk3")
    assert err.value.hint


def run(folder, *words):
    call = [sys.executable, "-m", "mip_salt", "--root", str(folder.path.parent), "-f", folder.name, "node", "handover"]
    return subprocess.run([*call, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_the_sheet_is_data_and_a_node_may_be_named_by_its_address(folder):
    done = run(folder, "10.0.0.21:2222")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip("\n") == handover(folder, "wk1").text.rstrip("\n")
    assert done.stderr == ""


def test_programs_get_one_document(folder):
    told = json.loads(run(folder, "wk1", "--json").stdout)
    assert (told["id"], told["user"], list(told["host_keys"])) == ("wk1", "mip", ["ED25519"])
    assert told["sheet"].startswith("# Handover of wk1")


@pytest.mark.parametrize("words", [["nobody"], ["wk3", "--user", "a b"], ["wk3", "--user", "-x"], ["wk0"]])
def test_what_cannot_be_a_node_or_a_user_is_a_usage_error(words, folder):
    done = run(folder, *words)
    assert done.returncode == 2
    assert done.stdout == ""

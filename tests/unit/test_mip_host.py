"""``_modules/mip_host.py``, loaded as plain Python, over files of our own."""

import ast
import importlib.util
import os
import platform
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
from mip_salt.data import data_root
from mip_salt.federation import address, fingerprint, model
from salt.exceptions import CommandExecutionError

SOURCE = data_root() / "_modules" / "mip_host.py"
MACHINE_ID = "104a81cbac7c46d7a67f2a2d8553ec55"


@pytest.fixture
def host(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("mip_host_under_test", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "MACHINE_ID", str(tmp_path / "machine-id"))
    monkeypatch.setattr(module, "OS_RELEASE", (str(tmp_path / "os-release"), str(tmp_path / "no-such")))
    monkeypatch.setattr(module, "HOST_KEYS", str(tmp_path / "ssh_host_*_key.pub"))
    # The kernel's own name cannot be had otherwise without renaming this machine.
    monkeypatch.setattr(module, "_hostname", lambda: "brain-wk1")
    (tmp_path / "machine-id").write_text(f"{MACHINE_ID}\n")
    (tmp_path / "os-release").write_text('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n')
    return module


@pytest.mark.parametrize("version", [(3, 8), (3, 13)])
@pytest.mark.parametrize("name", sorted(path.name for path in SOURCE.parent.glob("*.py")))
def test_it_is_python_of_old_and_new_nodes(name, version):
    tree = ast.parse((data_root() / "_modules" / name).read_text(), feature_version=version)
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {m for m in imported if m.startswith(("salt", "mip"))} <= {"salt.exceptions", "salt.utils.yaml"}


def test_every_public_function_shows_how_it_is_called():
    for path in [*SOURCE.parent.glob("*.py")]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                example = ast.get_docstring(node).partition("CLI Example:")[2]
                # A secret crosses no command line: mip-salt alone fetches and hands it over.
                secret = "token" in {node.name, *(argument.arg for argument in node.args.args)}
                assert ("mip-salt -f brain apply" if secret else f"{path.stem}.{node.name}") in example


def test_facts_say_who_and_what_the_machine_is(host):
    facts = host.facts()
    assert facts["hostname"] == "brain-wk1"
    assert facts["machine_id"] == MACHINE_ID
    assert facts["os"] == "Debian GNU/Linux 12 (bookworm)"
    assert facts["os_release"] == "12"
    assert facts["arch"] == platform.machine()
    assert facts["kernel"] == platform.release()
    assert facts["python"] == platform.python_version()
    assert facts["cpus"] == os.cpu_count()
    assert facts["memory_kib"] * 1024 == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert facts["host_keys"] == {}


def test_the_hostname_is_the_kernels():
    spec = importlib.util.spec_from_file_location("mip_host_plain", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module._hostname() == os.uname().nodename


@pytest.mark.parametrize(("kind", "name"), [("ed25519", "ssh-ed25519"), ("rsa", "ssh-rsa")])
def test_host_keys_have_the_fingerprints_of_ssh_keygen(host, tmp_path, kind, name):
    key = tmp_path / f"ssh_host_{kind}_key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True)
    said = subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True).stdout
    assert host.facts()["host_keys"] == {name: fingerprint.valid_fingerprint(said)}


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA", "$(x) y"])
def test_a_garbled_host_key_is_named(host, tmp_path, text):
    (tmp_path / "ssh_host_x_key.pub").write_text(text)
    with pytest.raises(CommandExecutionError, match=r"ssh_host_x_key\.pub is not a public key"):
        host.facts()


@pytest.mark.parametrize(
    "hostname", ["", "WK1", "localhost", "localhost.lan", "-x", "a..b", "a" * 64, "$(reboot)", "a\nb", "a\x1b[2J", "é"]
)
def test_a_hostname_outside_the_rule_is_refused_and_shown_inert(host, monkeypatch, hostname):
    monkeypatch.setattr(host, "_hostname", lambda: hostname)
    with pytest.raises(CommandExecutionError, match="its hostname is not labels") as caught:
        host.facts()
    assert not any(unicodedata.category(c)[0] == "C" for c in str(caught.value))


def test_the_rules_are_those_of_the_federation(host):
    assert host.HOSTNAME.pattern == address.HOSTNAME.pattern
    assert host.MACHINE_ID_RULE.pattern == model.MACHINE_ID.pattern


@pytest.mark.parametrize(
    "text", ["", "0" * 31, "0" * 33, MACHINE_ID.upper(), "uninitialized", f"{MACHINE_ID}\n{MACHINE_ID}"]
)
def test_a_machine_id_outside_the_rule_is_refused(host, tmp_path, text):
    (tmp_path / "machine-id").write_text(text)
    with pytest.raises(CommandExecutionError, match="machine-id is not 32 of 0-9 and a-f"):
        host.facts()


def test_an_unreadable_machine_id_is_an_error_for_facts_and_verify(host, tmp_path):
    (tmp_path / "machine-id").unlink()
    for call in (host.facts, lambda: host.verify("brain-wk1", MACHINE_ID)):
        with pytest.raises(CommandExecutionError, match="machine-id cannot be read: No such file"):
            call()


def test_the_systems_name_is_cut_and_cleaned(host, tmp_path):
    (tmp_path / "os-release").write_text(f'PRETTY_NAME="\x1b[31m\u202e{"x" * 500}"\n')
    name = host.facts()["os"]
    assert len(name) <= 81
    assert re.fullmatch(r"\ufffd\[31m\ufffdx+…", name)


def test_a_system_without_a_name_has_an_empty_one(host, tmp_path):
    (tmp_path / "os-release").unlink()
    assert (host.facts()["os"], host.facts()["os_release"]) == ("", "")


def test_a_huge_file_is_read_in_part(host, tmp_path):
    (tmp_path / "machine-id").write_text("0" * (1 << 20))
    with pytest.raises(CommandExecutionError) as caught:
        host.facts()
    assert len(str(caught.value)) < 300


def test_the_confirmed_machine_is_the_same(host):
    assert host.verify("brain-wk1", MACHINE_ID) == {"same": True, "differences": {}}


def test_another_machine_differs_in_what_it_says(host):
    found = host.verify("brain-wk2", "0" * 32)
    assert not found["same"]
    assert found["differences"] == {
        "hostname": {"confirmed": "brain-wk2", "found": "brain-wk1"},
        "machine_id": {"confirmed": "0" * 32, "found": MACHINE_ID},
    }


def test_only_what_differs_is_told(host):
    assert set(host.verify("brain-wk1", "0" * 32)["differences"]) == {"machine_id"}
    assert set(host.verify("brain-WK1", MACHINE_ID)["differences"]) == {"hostname"}


@pytest.mark.parametrize("confirmed", [None, "", 1, True])
def test_what_was_not_confirmed_differs(host, confirmed):
    assert not host.verify(confirmed, MACHINE_ID)["same"]
    assert not host.verify("brain-wk1", confirmed)["same"]


def test_an_empty_machine_id_is_never_the_same(host, tmp_path):
    Path(tmp_path / "machine-id").write_text("")
    assert not host.verify("brain-wk1", "")["same"]


# --- another hostname: the kernel's own is not touched here; tests/integration renames lab nodes ----------------


@pytest.fixture
def renamable(host, tmp_path, monkeypatch):
    """A machine without systemd, named brain-wk1, that takes a new name as the kernel would."""
    monkeypatch.setattr(host, "HOSTNAME_FILE", str(tmp_path / "hostname"))
    monkeypatch.setattr(host, "HOSTS", str(tmp_path / "hosts"))
    monkeypatch.setattr(host, "SYSTEMD", str(tmp_path / "no-systemd"))
    named = ["brain-wk1"]
    monkeypatch.setattr(host, "_hostname", lambda: named[-1])
    monkeypatch.setattr(host.socket, "sethostname", named.append)
    (tmp_path / "hostname").write_text("brain-wk1\n")
    (tmp_path / "hosts").write_text(HOSTS)
    host.named = named
    return host


HOSTS = "127.0.0.1 localhost\n127.0.1.1 brain-wk1 # cloud\n10.0.0.11\tbrain-ms\n::1 localhost ip6-localhost\n"


def test_a_new_hostname_counts_now_and_after_a_reboot_and_resolves(renamable, tmp_path):
    assert renamable.set_hostname("chuv-wk1") == "chuv-wk1"
    assert renamable.named == ["brain-wk1", "chuv-wk1"]
    assert (tmp_path / "hostname").read_text() == "chuv-wk1\n"
    assert (tmp_path / "hosts").read_text() == HOSTS.replace(
        "127.0.1.1 brain-wk1 # cloud", "127.0.1.1\tchuv-wk1 # cloud"
    )


def test_the_name_it_has_is_not_set_again(renamable, tmp_path):
    (tmp_path / "hosts").write_text("127.0.1.1\tbrain-wk1\n")
    before = (tmp_path / "hosts").stat().st_ino
    assert renamable.set_hostname("brain-wk1") == "brain-wk1"
    assert renamable.named == ["brain-wk1"]
    assert (tmp_path / "hosts").stat().st_ino == before


@pytest.mark.parametrize(
    ("hosts", "line"),
    [
        ("127.0.0.1 localhost\n", "127.0.1.1\ta.chuv.ch a"),
        ("", "127.0.1.1\ta.chuv.ch a"),
        ("127.0.1.1 brain-wk1.old.ch brain-wk1 db\n", "127.0.1.1\ta.chuv.ch a db"),
        ("127.0.1.1 brain-wk1 brain-wk1\n127.0.1.1 brain-wk1\n", "127.0.1.1\ta.chuv.ch a"),
    ],
)
def test_the_line_of_the_own_name_is_written_once_and_keeps_other_names(renamable, tmp_path, hosts, line):
    (tmp_path / "hosts").write_text(hosts)
    renamable.set_hostname("a.chuv.ch")
    assert [text for text in (tmp_path / "hosts").read_text().splitlines() if text.startswith("127.0.1.1")] == [line]


def test_a_domain_beside_the_name_stays(renamable, tmp_path):
    (tmp_path / "hosts").write_text("127.0.1.1 brain-wk1.chuv.ch brain-wk1\n")
    renamable.set_hostname("wk1")
    assert (tmp_path / "hosts").read_text() == "127.0.1.1\twk1.chuv.ch wk1\n"


@pytest.mark.parametrize("name", ["", "WK1", "localhost", "-x", "a b", "a\n127.0.0.1 b", "a" * 64, None, 3, "--static"])
def test_what_is_no_hostname_is_refused_before_anything_changes(renamable, tmp_path, name):
    with pytest.raises(CommandExecutionError, match="not a hostname"):
        renamable.set_hostname(name)
    assert (renamable.named, (tmp_path / "hosts").read_text()) == (["brain-wk1"], HOSTS)


def test_a_name_that_cannot_be_set_leaves_the_old_one_in_hosts(renamable, tmp_path, monkeypatch):
    def refuse(name):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(renamable.socket, "sethostname", refuse)
    with pytest.raises(CommandExecutionError, match="the hostname cannot be set: Operation not permitted"):
        renamable.set_hostname("chuv-wk1")
    assert (tmp_path / "hosts").read_text() == HOSTS

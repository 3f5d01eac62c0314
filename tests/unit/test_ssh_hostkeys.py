"""A host key is shown as ssh-keygen shows it, and a pasted fingerprint is read as people paste it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from mip_salt.federation.fingerprint import valid_fingerprint
from mip_salt.ssh.hostkeys import HostKey

ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIIDtyDOajDVicpLhOetKM0PCHPq89eiiTMZWpjKGxGXM"
PRINT = "SHA256:zmAQh20I83neRDWmHAWRCg8yzVMSjMxKozronfxMXu0"


@pytest.mark.parametrize(("kind", "name"), [("ed25519", "ED25519"), ("ecdsa", "ECDSA"), ("rsa", "RSA")])
def test_the_fingerprint_and_the_name_are_those_of_ssh_keygen(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    kind, blob = path.with_suffix(".pub").read_text().split()[:2]
    said = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout
    key = HostKey(kind, blob)
    assert key.fingerprint == said.split()[1]
    assert said.strip().endswith(f"({key.name})")
    assert key.name == name
    assert key.line("wk1") == f"wk1 {kind} {blob}"


@pytest.mark.parametrize(
    ("kind", "blob", "why"),
    [
        ("ssh-dss", ED25519, "a host key is one of"),
        ("ssh-rsa", ED25519, "not of the type"),
        ("ssh-ed25519", "AAAA", "not of the type"),
        ("ssh-ed25519", ED25519[:-1] + "*", "not base64"),
        ("ssh-ed25519", "", "not of the type"),
        ("ssh-ed25519", "A" * 5000, "too long"),
        ("ssh-ed25519", "é" * 8, "not base64"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(kind: str, blob: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        HostKey(kind, blob)


def test_one_key_has_one_spelling() -> None:
    # The bits after the last byte are unused: a second spelling would pass for a second key.
    kind, blob = "ecdsa-sha2-nistp256", "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAABBA=="
    HostKey(kind, blob)
    with pytest.raises(ValueError, match="canonical"):
        HostKey(kind, blob.replace("BBA==", "BBB=="))


@pytest.mark.parametrize(
    "pasted",
    [
        PRINT,
        f"  {PRINT}\n",
        PRINT + "=",
        f"256 {PRINT} root@brain-ms (ED25519)",
        f"3072 {PRINT} no comment (RSA)\r\n",
    ],
)
def test_a_fingerprint_is_read_as_it_is_pasted(pasted: str) -> None:
    assert valid_fingerprint(pasted) == PRINT


@pytest.mark.parametrize(
    "pasted",
    ["", "yes", PRINT[:-1], PRINT + "A", PRINT.lower(), f"{PRINT} {PRINT}", "MD5:" + "ab:" * 16, PRINT[:-1] + "-"],
)
def test_what_is_no_fingerprint_is_refused_with_the_rule(pasted: str) -> None:
    with pytest.raises(ValueError, match="SHA256"):
        valid_fingerprint(pasted)

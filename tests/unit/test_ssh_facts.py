"""A machine's answer is taken only if it is exactly one; the script works in every login shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from mip_salt.errors import TrustRefused
from mip_salt.ssh.facts import FACTS, Facts, parse_facts, shell_command
from mip_salt.ssh.install import INSTALL, REMOVE, REMOVE_SUDOERS, SUDOERS

ID = "104a81cbac7c46d7a67f2a2d8553ec55"
GOOD = [
    "MIP2",
    "brain-wk1",
    ID,
    "nopasswd",
    "x86_64",
    "4",
    "8152348",
    "3.11.2",
    "Debian GNU/Linux 12 (bookworm)",
    "end",
]


def answer(**changed: str) -> bytes:
    names = ("magic", "hostname", "machine_id", "sudo", "arch", "cpus", "memory", "python", "os", "end")
    return "".join(f"{changed.get(name, line)}\n" for name, line in zip(names, GOOD, strict=True)).encode()


def test_an_answer_is_understood() -> None:
    assert parse_facts(answer(), "wk1") == Facts(
        "brain-wk1", ID, "nopasswd", "x86_64", 4, 8152348, "3.11.2", "Debian GNU/Linux 12 (bookworm)"
    )


def test_noise_of_the_start_up_files_is_skipped() -> None:
    assert parse_facts("Welcome à tous\n\x1b[31mMOTD\n".encode() + answer(), "wk1").hostname == "brain-wk1"


@pytest.mark.parametrize("word", ["root", "nopasswd", "password", "none"])
def test_the_right_to_use_sudo_is_one_of_four_words(word: str) -> None:
    assert parse_facts(answer(sudo=word), "wk1").sudo == word


def test_missing_python_is_a_fact() -> None:
    assert parse_facts(answer(python="none"), "wk1").python == "none"


def test_a_name_with_dots_is_a_name() -> None:
    assert parse_facts(answer(hostname="wk1.hospital.example"), "wk1").hostname == "wk1.hospital.example"


@pytest.mark.parametrize(
    "name",
    [
        "$(cmd)", "`reboot`", "wk1\x1b[2J", "wk1\x07", "wk1\r", "wk1\u202e", "WK1", "Brain-wk1", "localhost",
        "localhost.localdomain", "", "-rf", "../..", "a" * 64, "{{ 1 }}", "x: y", "wk_1", "wk1.", ".wk1", "wk 1",
    ],
)  # fmt: skip
def test_a_wrong_name_is_refused_and_shown_inert(name: str) -> None:
    with pytest.raises(TrustRefused) as caught:
        parse_facts(answer(hostname=name), "wk1")
    assert "lower case" in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.node == "wk1"
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"bash: line 1: exec: sh: not found\n",
        answer(hostname="wk1\nextra"),
        answer() + b"more\n",
        answer()[:-1],
        answer()[:-4],
        answer().replace(b"\n", b"\r\n"),
        answer(magic="MIP1"),
        answer(end="End"),
        answer() + answer(),
    ],
)
def test_something_else_than_one_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(TrustRefused, match="something else than its name") as caught:
        parse_facts(raw, "wk1")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("machine_id", ""), ("machine_id", ID[:-1]), ("machine_id", ID.upper()), ("machine_id", "uninitialized"),
        ("sudo", "yes"), ("sudo", ""), ("arch", "x86_64;id"), ("arch", ""), ("cpus", "0"), ("cpus", "-1"),
        ("cpus", "9" * 400), ("cpus", "٣"), ("memory", ""), ("memory", "1e9"), ("python", "3.11.2 (x)"), ("python", ""),
    ],
)  # fmt: skip
def test_an_impossible_fact_is_refused(field: str, value: str) -> None:
    with pytest.raises(TrustRefused):
        parse_facts(answer(**{field: value}), "wk1")


def test_the_systems_name_is_free_text_made_inert_and_short() -> None:
    facts = parse_facts(answer(os="[red]Evil\x1b[0m" + "x" * 200), "wk1")
    assert facts.os.startswith("[red]Evil\N{REPLACEMENT CHARACTER}[0m")
    assert len(facts.os) == 80


def test_more_than_64_kib_are_refused() -> None:
    with pytest.raises(TrustRefused, match="more than"):
        parse_facts(b"x" * 65536 + answer(), "wk1")


def test_the_rows_begin_with_the_name() -> None:
    rows = parse_facts(answer(), "wk1").rows()
    assert rows[0] == ("hostname", "brain-wk1")
    assert ("size", "4 CPUs, 7.8 GiB of memory") in rows


def test_this_machine_answers_the_script() -> None:
    said = subprocess.run(shell_command(FACTS), shell=True, capture_output=True, check=True).stdout.decode()
    lines = said.split("\n")
    assert lines[0] == "MIP2"
    assert lines[1] == os.uname().nodename
    assert lines[4] == os.uname().machine
    assert lines[9:] == ["end", ""]


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish"])
def test_the_script_works_in_every_login_shell(shell: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    said = subprocess.run([path, "-c", shell_command(FACTS)], capture_output=True, check=True).stdout.decode()
    assert said.startswith("MIP2\n")
    assert said.endswith("\nend\n")


@pytest.mark.parametrize("script", [FACTS, INSTALL, REMOVE, SUDOERS, REMOVE_SUDOERS])
def test_scripts_hold_nothing_that_a_csh_or_fish_reads_otherwise(script: str) -> None:
    assert "\n" not in script
    assert "!" not in script
    assert "\\\\" not in script


def test_without_sudo_and_python_the_script_says_so(tmp_path: Path) -> None:
    for tool in ("uname", "getconf", "awk", "id"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/")
    (tmp_path / "id").unlink()
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    script = FACTS.replace("PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin", f"PATH={tmp_path}")
    assert script != FACTS
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True).stdout.decode().split("\n")
    assert (said[3], said[7]) == ("none", "none")

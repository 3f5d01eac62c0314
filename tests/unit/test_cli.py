"""The front door: quick, the same from anywhere, and truthful in its exit codes."""

import json
import os
import subprocess
import sys

import pytest
from mip_salt.main import COMMANDS


def mip_salt(*words, cwd=None, **environ):
    env = {**os.environ, **environ}
    return subprocess.run(
        [sys.executable, "-m", "mip_salt", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env=env,
    )


def test_help_imports_nothing_heavy():
    code = """
import sys
sys.argv[1:] = ["--help"]
try:
    from mip_salt.main import main
    main()
except SystemExit:
    print(sorted({name.split(".")[0] for name in sys.modules}))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(eval(out.splitlines()[-1]))
    assert not loaded & {"salt", "asyncssh", "gnupg", "pydantic", "ruamel", "yaml", "rich", "asyncio"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    done = mip_salt(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: mip-salt {command}")


def test_a_misspelt_command_is_a_usage_error_with_a_suggestion():
    done = mip_salt("confgure")
    assert done.returncode == 2
    assert "Did you mean 'configure'?" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--root", "{root}", "-f", "x", "status"),
        ("status", "-f", "x", "--root", "{root}"),
        ("--root", "{root}", "status", "-f", "x"),
    ],
)
def test_shared_options_are_accepted_before_and_after_the_command(words, tmp_path):
    done = mip_salt(*(word.format(root=tmp_path) for word in words))
    assert done.returncode == 2
    assert f"there is no federation 'x' under {tmp_path}" in done.stderr


def test_the_incumbents_own_line_is_understood(tmp_path):
    done = mip_salt("--pusher", "--federation", "brain", "configure", "all", "--root", str(tmp_path))
    assert done.returncode == 2
    assert "the wizard needs a terminal" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_one_json_document_for_programs(tmp_path):
    done = mip_salt("--json", "--root", str(tmp_path), "-f", "x", "status")
    assert json.loads(done.stdout)["error"].startswith("there is no federation 'x'")


def test_a_command_that_is_told_goes_where_this_one_went(tmp_path):
    root = tmp_path / "my federations"
    assert f"mip-salt --root '{root}' -f NAME configure" in mip_salt("federation", "list", "--root", str(root)).stderr
    assert "one: mip-salt -f NAME configure" in mip_salt("federation", "list", MIP_SALT_ROOT=str(root)).stderr


def test_a_firewall_request_is_about_one_node_alone(tmp_path):
    done = mip_salt("--root", str(tmp_path), "-f", "x", "check", "--request", "wk1", "--node", "wk2")
    assert (done.returncode, "Leave --node out" in done.stderr) == (2, True)


def test_no_federation_is_not_an_error_to_list(tmp_path):
    done = mip_salt("federation", "list", "--root", str(tmp_path))
    assert done.returncode == 0
    assert "No federation under" in done.stderr

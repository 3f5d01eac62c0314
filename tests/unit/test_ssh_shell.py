"""A shell on a node: what the system's ssh makes of our options, and what becomes of its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mip_salt.errors import Damaged
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.ssh.shell import USER_THERE, run_shell, shell_call

FOLDER = Folder(Path("/opt/brain"))
AGENT = Path("/opt/brain/run/agent.7")
FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "nodes": {
            "ms": {"role": "master", "address": "10.0.0.1", "user": "root"},
            "wk1": {"role": "worker", "address": "10.0.0.2", "port": 2222, "bastion": "ms"},
        },
    }
)


def call(name: str = "wk1", *words: str, user: str | None = None, tty: bool = False) -> list[str]:
    return shell_call(FOLDER, FEDERATION, name, words, agent=AGENT, user=user, tty=tty)


def understood(ssh: list[str]) -> dict[str, str]:
    """Return the options that the real ssh would use for a call."""
    at = ssh.index("--") if "--" in ssh else len(ssh)
    done = subprocess.run(["ssh", "-G", *ssh[1:at]], capture_output=True, text=True, check=True)
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


@pytest.mark.parametrize("user", [None, "root"])
def test_the_host_key_is_the_pinned_one_whoever_logs_in(user: str | None) -> None:
    options = understood(call(user=user))
    assert options["stricthostkeychecking"] in ("true", "yes")
    assert options["userknownhostsfile"] == "/opt/brain/known_hosts"
    assert options["globalknownhostsfile"] == "/dev/null"
    assert options["hostkeyalias"] == "wk1"
    assert options["port"] == "2222"
    assert options["forwardagent"] == "no"


def test_the_identity_logs_in_and_nobody_is_asked() -> None:
    options = understood(call())
    assert (options["user"], options["identityagent"]) == ("mipadmin", str(AGENT))
    assert (options["batchmode"], options["passwordauthentication"]) == ("yes", "no")


def test_another_user_is_asked_for_a_password_and_no_key_is_offered() -> None:
    options = understood(call(user="root"))
    assert (options["user"], options["identityagent"], options["pubkeyauthentication"]) == ("root", "none", "false")
    assert (options["batchmode"], options["passwordauthentication"]) == ("no", "yes")


def test_a_bastion_is_passed_with_the_identity_whoever_logs_in_behind_it() -> None:
    for user in (None, "root"):
        assert f"IdentityAgent={AGENT}" in understood(call(user=user))["proxycommand"]


@pytest.mark.parametrize(("tty", "word"), [(True, "true"), (False, "false")])
def test_a_terminal_is_asked_for_only_where_one_is(tty: bool, word: str) -> None:
    assert understood(call(tty=tty))["requesttty"] in (word, {"true": "yes", "false": "no"}[word])


def test_a_command_can_never_be_read_as_an_option_of_ssh() -> None:
    assert call("wk1", "-oProxyCommand=x")[-2:] == ["--", "-oProxyCommand=x"]


@pytest.mark.parametrize("name", ["root", "jane.doe", "HOSPITAL\\jane", "jane@hospital.example", "_x"])
def test_a_user_there_may_come_from_a_directory(name: str) -> None:
    assert USER_THERE.match(name)


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "", "a b", "a\n", "a;b", "$(id)", "a" * 65])
def test_a_user_is_never_an_option_nor_a_shells_word(name: str) -> None:
    assert not USER_THERE.match(name)


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_commands(script: str, code: int) -> None:
    assert run_shell(["sh", "-c", script]) == code


def test_no_agent_and_no_askpass_of_the_operators_reach_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/somewhere")
    monkeypatch.setenv("SSH_ASKPASS", "/somewhere")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    assert run_shell(["sh", "-c", 'test -z "$SSH_AUTH_SOCK$SSH_ASKPASS$SSH_ASKPASS_REQUIRE"']) == 0


def test_a_missing_ssh_names_its_package() -> None:
    with pytest.raises(Damaged) as caught:
        run_shell(["/no/such/ssh"])
    assert "openssh-client" in caught.value.hint


def test_a_stop_that_is_meant_for_us_ends_ssh_too() -> None:
    code = """
import os, signal, sys, threading, time
from mip_salt.interrupts import heed
from mip_salt.ssh import shell
heed()  # whoever started us may have had SIGINT ignored
shell.SECONDS = 0.2
def stop():
    while sys._current_frames()[threading.main_thread().ident].f_code.co_name != "_try_wait":
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=stop).start()
try:
    shell.run_shell(["sleep", "61.5"])
except KeyboardInterrupt:
    print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout == "stopped\n"

"""What Salt hands back for a node becomes one typed result (shapes measured on real nodes, facts/salt-ssh.md 5)."""

from pathlib import Path

import pytest
from mip_salt.federation.folder import Folder
from mip_salt.federation.generate import NOT_CONFIRMED
from mip_salt.federation.model import Federation
from mip_salt.remote.results import Kind
from mip_salt.remote.returns import Asked, classify
from mip_salt.remote.states import StateRun

FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "nodes": {
            "wk1": {
                "role": "worker",
                "address": "10.0.0.21",
                "hostname": "brain-wk1",
                "machine_id": "104a81cbac7c46d7a67f2a2d8553ec55",
            }
        },
    }
)
NONZERO = "The command resulted in a non-zero exit code"
STATE = "file_|-x_|-/etc/x_|-managed"


def read(raw, function="test.ping"):
    return classify(Asked(Folder(Path("/opt/brain")), FEDERATION, "wk1", function, "again"), raw)


def returned(data, retcode=0, **more):
    return {"jid": "1", "return": data, "retcode": retcode, "id": "wk1", "fun": "x", "fun_args": [], **more}


def errored(stderr="", retcode=255, stdout="", error=NONZERO):
    return {"stdout": stdout, "stderr": stderr, "retcode": retcode, "parsed": None, "_error": error}


def states(*results, changes=None):
    return {f"{STATE}{n}": {"result": r, "changes": changes or {}, "comment": "why"} for n, r in enumerate(results)}


@pytest.mark.parametrize("data", [True, False, None, 0, "", [], {}, "text", {"a": [1]}])
def test_whatever_a_function_returns_is_data(data):
    result = read(returned(data))
    assert (result.kind, result.data, result.exit_code, result.command) == (Kind.OK, data, 0, "again")


def test_a_nonzero_retcode_is_a_failure_that_keeps_its_data():
    result = read(returned("it said no", 7), "cmd.run")
    assert (result.kind, result.data, result.exit_code) == (Kind.FAILED, "it said no", 7)
    assert "ended with 7: it said no" in result.error


@pytest.mark.parametrize(
    ("data", "retcode", "kind", "counts"),
    [
        (states(True, True), 0, Kind.OK, (0, 0)),
        (states(True, changes={"diff": "x"}), 0, Kind.CHANGED, (1, 0)),
        (states(None), 0, Kind.CHANGED, (1, 0)),
        (states(True, False), 2, Kind.FAILED, (0, 1)),
        (states(True, False), 0, Kind.FAILED, (0, 1)),
        (states(True), 2, Kind.FAILED, (0, 0)),
    ],
)
def test_a_state_run_is_as_good_as_its_states(data, retcode, kind, counts):
    result = read(returned(data, retcode, out="highstate"), "state.apply")
    assert (result.kind, (result.changed, result.failed)) == (kind, counts)
    assert isinstance(result.data, StateRun)
    assert bool(result.error) == (kind is Kind.FAILED)


def test_a_failed_run_names_its_first_failed_state():
    assert "1 of 2 states failed, first file.managed" in read(returned(states(True, False), 2), "state.apply").error


@pytest.mark.parametrize("data", [{}, None, True, "done", 3, [1], {"a": 1}])
def test_a_state_run_without_states_is_no_usable_answer(data):
    result = read(returned(data), "state.apply")
    assert (result.kind, result.exit_code) == (Kind.FAILED, 7)
    assert result.error


@pytest.mark.parametrize(
    "raw",
    [
        {},
        None,
        [],
        "",
        0,
        1,
        True,
        1.5,
        [[]],
        {"return": True},
        {"return": True, "retcode": None},
        {"return": True, "retcode": True},
        {"return": True, "retcode": "0"},
        {"retcode": 0},
    ],
)
def test_any_other_shape_is_no_usable_answer(raw):
    result = read(raw)
    assert result.kind is Kind.FAILED
    assert result.error.startswith("no usable answer")


def test_an_error_beside_a_return_is_an_error():
    assert read({**returned(True), "_error": "Return dict was malformed"}).kind is Kind.FAILED


CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
The fingerprint for the ED25519 key sent by the remote host is
SHA256:iv0nRqJg1QN7yCSU3WlWhYN3yG1Ej3dUZtxRqmYwLxs.
Host key for wk1 has changed and you have requested strict checking.
Host key verification failed."""


@pytest.mark.parametrize(
    "raw",
    [
        errored(CHANGED),
        errored("No ED25519 host key is known for wk1 and you have requested strict checking."),
    ],
)
def test_another_host_key_is_refused_with_the_way_to_trust_it_again(raw):
    result = read(raw)
    assert (result.kind, result.exit_code) == (Kind.REFUSED, 3)
    assert "mip-salt -f brain node trust wk1 --host-key SHA256:…" in result.hint
    assert "ssh-keygen -R" not in result.hint


def test_the_new_fingerprint_is_shown_but_not_ready_to_paste():
    result = read(errored(CHANGED))
    assert "SHA256:iv0nRqJg1QN7yCSU3WlWhYN3yG1Ej3dUZtxRqmYwLxs" in result.error
    assert "iv0nRqJg1" not in result.hint


def test_another_machine_is_refused():
    result = read(errored(NOT_CONFIRMED, 77))
    assert (result.kind, result.exit_code) == (Kind.REFUSED, 3)
    assert "brain-wk1" in result.error


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (errored("mipadmin@10.0.0.21: Permission denied (publickey,password).", error="Permission denied"), Kind.LOGIN),
        (errored("sudo: a password is required", 1), Kind.LOGIN),
        (errored("sudo: a terminal is required to read the password", 1), Kind.LOGIN),
        (errored("mipadmin is not in the sudoers file.", 1), Kind.LOGIN),
        (errored("Password change required but no TTY available. Your password has expired.", 1), Kind.LOGIN),
        (errored("ssh: connect to host 10.0.0.21 port 22: Connection refused"), Kind.UNREACHABLE),
        (errored("ssh: connect to host 10.0.0.21 port 22: No route to host"), Kind.UNREACHABLE),
        (errored("ssh: connect to host 10.0.0.21 port 22: Connection timed out"), Kind.UNREACHABLE),
        (errored("ssh: Could not resolve hostname nowhere: Name or service not known"), Kind.UNREACHABLE),
        (errored("Connection closed by 10.0.0.21 port 22"), Kind.UNREACHABLE),
        (errored("Timeout, server 10.0.0.21 not responding."), Kind.UNREACHABLE),
        (errored("client_loop: send disconnect: Broken pipe"), Kind.UNREACHABLE),
        (errored("env: ‘sudo’: No such file or directory", 127), Kind.LOGIN),
        (errored("sudo: python3: command not found", 1), Kind.FAILED),
        (errored("Traceback\nTypeError: unsupported operand type(s) for |: 'type' and 'type'", 1), Kind.FAILED),
        (errored("OSError: [Errno 28] No space left on device", 1), Kind.FAILED),
        (errored("", 245), Kind.FAILED),
        (errored("'no.such_function' is not available."), Kind.FAILED),
        (errored("", 255), Kind.FAILED),
    ],
)
def test_an_error_is_told_apart(raw, kind):
    result = read(raw)
    assert result.kind is kind
    assert result.error


@pytest.mark.parametrize(
    "raw",
    [
        errored("cat: /x: Permission denied", 1, error="Permission denied"),
        errored("mipadmin@10.0.0.21: Permission denied (publickey).", 1, error="Permission denied"),
        errored("git: Host key verification failed.", 128),
        errored("connect: Connection refused", 1),
        errored(NOT_CONFIRMED, 1),
    ],
)
def test_what_a_node_prints_passes_for_ssh_only_with_the_exit_code_of_ssh(raw):
    assert read(raw).kind is Kind.FAILED


def test_what_ended_without_a_word_or_a_code_was_ended_by_a_signal():
    assert "ended by a signal" in read(errored("", 255)).error


@pytest.mark.parametrize("said", ["sudo: python3: command not found", "env: ‘python3’: No such file or directory"])
def test_a_missing_python_is_named(said):
    assert "no usable Python 3" in read(errored(said, 127)).error


def test_an_old_python_is_named():
    raw = errored("  File tornado\nTypeError: unsupported operand type(s) for |: 'type' and 'type'", 1)
    assert "its Python is too old" in read(raw).error
    assert "python3 --version" in read(raw).hint


@pytest.mark.parametrize(
    ("lines", "kind", "code"),
    [
        (["Pillar failed to render with the following messages:", "the vault is locked: run x"], Kind.LOGIN, 4),
        (["Pillar failed to render with the following messages:", "the entry is damaged"], Kind.DAMAGED, 6),
        (["Rendering SLS 'base:x' failed: Jinja variable 'y' is undefined"], Kind.FAILED, 7),
        (['The function "state.pkg" is running as PID 12 and was started at x'], Kind.BUSY, 6),
    ],
)
def test_a_bare_list_is_what_could_not_be_rendered(lines, kind, code):
    for raw in (lines, returned(lines, 1)):
        result = read(raw, "state.apply")
        assert (result.kind, result.exit_code) == (kind, code)


def test_a_pillar_with_errors_is_no_success():
    result = read(returned({"_errors": ["the vault is locked"], "mip": {}}), "pillar.items")
    assert result.kind is Kind.LOGIN


def test_a_pillar_that_misses_something_tells_its_own_remedy():
    said = "Failed to load ext_pillar mip_runs: ui: there is no secret. What to do: Set it: mip-salt vault set"
    result = read(returned({"_errors": [said]}), "pillar.items")
    assert (result.kind, result.error) == (Kind.DAMAGED, "its pillar cannot be made: ui: there is no secret")
    assert result.hint == "Set it: mip-salt vault set"


def test_a_pillar_without_errors_is_one():
    assert read(returned({"mip": {}}), "pillar.items").kind is Kind.OK


def test_texts_are_inert_and_bounded():
    for raw in (errored("\x1b[2J" + "x" * 10**6, 1), returned("\x1b[2J\n" * 10**5, 3), ["\x1b[2J" * 10**5]):
        result = read(raw)
        assert "\x1b" not in result.error + result.hint
        assert len(result.error) <= 401

"""What an operator is told of a state run: counts, changes where asked for, failures with their commands."""

from pathlib import Path

import pytest
from mip_salt.commands.context import Request
from mip_salt.commands.show_states import MOST, StateReport
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.states import state_run

FOLDER = Folder(Path("/opt/brain"))
FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "nodes": {
            "ms": {"role": "master", "address": "10.0.0.1", "hostname": "brain-ms"},
            "wk1": {"role": "worker", "address": "10.0.0.2", "enabled": False},
        },
    }
)
WRITTEN = {"result": True, "changes": {"diff": "--- old\n+++ new\n-port 1\n+key s3cret-key\n"}, "comment": "written"}


def ran(**states):
    rows = {
        f"file_|-{name}_|-/etc/{name}_|-managed": {"name": f"/etc/{name}", "__id__": name, "changes": {}, **row}
        for name, row in states.items()
    }
    run = state_run(rows)
    kind = Kind.FAILED if run.failed else Kind.CHANGED if run.changed else Kind.OK
    return NodeResult("ms", kind, data=run, error="broke" if run.failed else "", changed=run.changed, failed=run.failed)


@pytest.fixture
def told(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")

    def tell(result, *, test=False, secrets=None, verbosity=0, narrowed=()):
        request = Request(verbosity=verbosity)
        report = StateReport(request, FOLDER, FEDERATION, test=test, secrets=secrets, narrowed=narrowed)
        report.show(["ms", "wk1"], [result])
        return "\n".join(capsys.readouterr())

    return tell


def test_every_chosen_node_has_its_row_and_a_disabled_one_says_so(told):
    lines = told(ran(a=WRITTEN)).splitlines()
    assert lines[1].split()[:7] == ["ms", "master", "brain-ms", "changed", "0", "1", "0"]
    assert lines[2].split() == ["wk1", "worker", "disabled"]


def test_a_run_does_not_list_what_it_changed_unless_asked(told):
    assert "/etc/a" not in told(ran(a=WRITTEN))
    assert "file.managed /etc/a" in told(ran(a=WRITTEN), verbosity=1)


def test_a_test_lists_what_would_change_and_never_its_values(told):
    said = told(ran(a={**WRITTEN, "result": None}, b={"result": True}), test=True)
    assert "ms would change" in said
    assert "file.managed /etc/a" in said
    assert "/etc/b" not in said
    assert "s3cret-key" not in said
    assert "nothing was changed. Do it: mip-salt -f brain apply" in said


def test_a_test_of_some_nodes_offers_to_apply_to_no_others(told):
    said = told(ran(a={**WRITTEN, "result": None}), test=True, narrowed=["--role", "worker", "--node", "10.0.0.2"])
    assert "Do it: mip-salt -f brain apply --role worker --node 10.0.0.2" in said


def test_a_test_of_what_is_right_already_says_that_there_is_nothing_to_change(told):
    assert "Nothing to change." in told(ran(a={"result": True}), test=True)


def test_a_diff_shows_lines_with_the_vaults_secrets_masked(told):
    said = told(ran(a=WRITTEN), secrets={"ms": ["s3cret-key"]})
    assert "-port 1" in said
    assert "+key ••••" in said
    assert "s3cret-key" not in said


def test_a_failure_names_its_state_why_and_the_command_for_it_alone(told):
    said = told(ran(a={"result": False, "comment": "disk full", "__sls__": "mip.data"}))
    assert "ms: file.managed a (/etc/a): disk full" in said
    assert """cd /opt/brain && mip-salt vault unlock && salt-ssh ms state.sls_id '"a"' mip.data""" in said
    assert "ms: 1 of 1 states failed" in said
    assert said.count("disk full") == 1


def test_many_changes_are_cut_short_and_v_shows_them_all(told):
    many = ran(**{f"s{n:02}": {"result": None} for n in range(MOST + 3)})
    assert "and 3 more; -v shows all" in told(many, test=True)
    assert f"/etc/s{MOST + 2}" in told(many, test=True, verbosity=1)


def test_programs_get_the_changed_and_failed_states_with_their_lines(monkeypatch):
    report = StateReport(Request(), FOLDER, FEDERATION, test=False, secrets={"ms": ["s3cret-key"]})
    rows = report.states(ran(a=WRITTEN, b={"result": True}, c={"result": False}))
    assert [row["state"] for row in rows] == ["a", "c"]
    assert rows[0]["diff"][-1] == "+key ••••"

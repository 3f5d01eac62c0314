"""State runs are read row by row, from data that the node may have made up."""

import pytest
from mip_salt.remote.states import COMMENT, MAX_DIFF, MAX_ROWS, state_run


def row(result=True, run=0, **more):
    return {"result": result, "changes": {}, "comment": "fine", "name": "/etc/x", "__run_num__": run, **more}


def key(name="x", function="managed"):
    return f"file_|-{name}_|-/etc/{name}_|-{function}"


def test_rows_are_counted_and_kept_in_the_order_they_ran():
    run = state_run(
        {
            key("b"): row(run=1, changes={"diff": "secret"}, __id__="b"),
            key("a"): row(run=0, __id__="a"),
            key("c"): row(False, run=2, __id__="c"),
        }
    )
    assert (run.ok, run.changed, run.failed) == (1, 1, 1)
    assert [state.id for state in run.rows] == ["a", "b", "c"]
    assert run.rows[0].function == "file.managed"


def test_only_names_of_changes_are_kept_for_values_may_be_secrets():
    run = state_run({key(): row(changes={"diff": "SECRET"})})
    assert run.rows[0].changes == ("diff",)
    assert "SECRET" not in repr(run)


def test_what_a_test_run_would_change_counts_as_a_change():
    assert state_run({key(): row(None, changes={"newfile": "x"})}).changed == 1
    assert state_run({key(): row(None)}).changed == 1


def test_a_failed_state_with_changes_counts_only_as_failed():
    run = state_run({key(): row(False, changes={"a": 1})})
    assert (run.ok, run.changed, run.failed) == (0, 0, 1)


def test_a_duration_is_read_as_a_number_or_as_a_text():
    assert state_run({key(): row(duration=1500)}).rows[0].seconds == 1.5
    assert state_run({key(): row(duration="1500.0 ms")}).rows[0].seconds == 1.5
    assert state_run({key(): row(duration="soon")}).rows[0].seconds == 0.0


@pytest.mark.parametrize(
    "data",
    [
        {},
        None,
        [],
        "done",
        True,
        {"a": 1},
        {"no separators": row()},
        {key(): None},
        {key(): {"changes": {}}},
        {key(): row("True")},
        {key(): row(1)},
        {key(): row(), "stray": row()},
    ],
)
def test_anything_but_a_mapping_of_states_is_no_run(data):
    assert state_run(data) is None


def test_texts_are_inert_and_bounded():
    run = state_run({key("\x1b[2J"): row(comment="\x07" + "y" * 9999, name="\r\n\x1b]0;x", __id__="\u202eevil")})
    shown = repr(run)
    assert not any(bad in shown for bad in ("\\x1b", "\\x07", "\\r", "\\u202e"))
    assert len(run.rows[0].comment) <= COMMENT + 1


def test_a_list_too_long_is_cut_but_counted_and_keeps_its_failures():
    data = {key(str(n)): row(n != MAX_ROWS + 5, run=n) for n in range(MAX_ROWS + 10)}
    run = state_run(data)
    assert len(run.rows) == MAX_ROWS
    assert run.ok == MAX_ROWS + 9
    assert len(run.failures()) == 1


def test_what_changed_is_told_in_lines_and_kept_out_of_every_log():
    changes = {"diff": "-a\n+\tb\x1b[2J", "mode": "0644", "pkg": {"old": "", "new": "1.2"}, "/d": {"directory": "new"}}
    row_ = state_run({key(): row(changes=changes)}).rows[0]
    assert row_.diff == ("-a", "+   b\ufffd[2J", "mode: 0644", "pkg: nothing → 1.2", "/d: directory: new")
    assert "0644" not in repr(row_)


def test_a_flood_of_lines_is_cut():
    changes = {str(n): "x\n" * 10_000 for n in range(50)}
    assert len(state_run({key(): row(changes=changes)}).rows[0].diff) == MAX_DIFF


@pytest.mark.parametrize(("sls", "kept"), [("mip.docker", "mip.docker"), ("../x", ""), ("-o", ""), (7, ""), (None, "")])
def test_only_a_plain_name_of_a_file_of_states_is_kept(sls, kept):
    assert state_run({key(): row(__sls__=sls)}).rows[0].sls == kept


def test_a_command_that_failed_says_how_it_ended_and_its_last_word():
    changes = {"retcode": 3, "stdout": "a line\n", "stderr": "first\nwhy \x1b[2J\n\n"}
    failed = state_run({"cmd_|-x_|-x_|-run": row(False, comment="it ran", changes=changes)}).rows[0]
    assert failed.comment == "it ran: exit 3, why \ufffd[2J"
    assert state_run({key(): row(False, comment="it ran", changes={})}).rows[0].comment == "it ran"

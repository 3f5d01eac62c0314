"""The preflight: how it is told in 80 columns, and whom it keeps out of a swarm."""

from mip_salt.commands.check_view import LEGEND, as_json, lines, matrix, summary
from mip_salt.errors import TrustRefused
from mip_salt.federation.folder import Folder
from mip_salt.ssh.probe import Ready
from mip_salt.workflows.preflight import report as report_module
from mip_salt.workflows.preflight.needs import HEARING
from mip_salt.workflows.preflight.report import obstacles
from unit.preflights import BRAIN, IDS, NOTHING_MISSING, everything, federation, told_of, tried


class TestHowItIsTold:
    """A matrix, then what is not well: the worst first, the alike together."""

    def table(self, report, width=80):
        columns, rows = matrix(report, width)
        return [list(columns), *([cell if isinstance(cell, str) else cell[0] for cell in row] for row in rows)]

    def test_one_way_that_is_shut_is_one_cross_and_one_line(self):
        report = told_of(everything(but=[("ms", "wk1", "7946/udp")]))
        assert self.table(report) == [
            ["FROM", "ms", "wk1", "wk2"],
            ["ms", "·", "✘", "✔"],
            ["ui", "✔", "·", "·"],
            ["wk1", "✔", "·", "✔"],
            ["wk2", "✔", "✔", "·"],
        ]
        ((text, remedy, _),) = lines(report, everything=False)
        assert text == "✘ ms → wk1: 7946/udp: nothing arrives"
        assert "check --request wk1" in remedy
        assert report.exit_code() == 7

    def test_where_all_is_well_nothing_is_listed_and_the_code_is_0(self):
        report = told_of(everything())
        assert list(lines(report, everything=False)) == []
        assert report.exit_code() == 0
        assert summary(report).endswith("tried in 1.2 s; none shut.")

    def test_ways_that_are_alike_are_told_together(self):
        shut = [(source, "wk1", way) for source in ("ms", "wk2") for way in ("7946/udp", "4789/udp")]
        (group,) = told_of(everything(but=shut)).groups()
        assert group.words == "ms, wk2 → wk1: 7946/udp, 4789/udp: nothing arrives"

    def test_a_sender_whom_nobody_hears_is_told_once(self):
        shut = [("wk1", target, "7946/udp") for target in ("ms", "wk2")]
        assert [group.words for group in told_of(everything(but=shut)).groups()] == [
            "wk1 → ms, wk2: 7946/udp: nothing arrives"
        ]

    def test_no_two_ways_are_told_as_one_that_was_not_tried(self):
        shut = [("ms", "wk1", "7946/udp"), ("wk1", "wk2", "7946/udp")]
        told = {group.words for group in told_of(everything(but=shut)).groups()}
        assert told == {"ms → wk1: 7946/udp: nothing arrives", "wk1 → wk2: 7946/udp: nothing arrives"}

    def test_failures_come_before_warnings_and_both_before_what_is_unknown(self):
        attempts = everything(but=[("ms", "wk1", "7946/udp")])
        translated = next(each for each in attempts if each.need.source == "wk2" and each.need.way == HEARING)
        translated.source = "192.0.2.1"
        kernel = {**NOTHING_MISSING, "esp": "? no unshare"}
        report = told_of(attempts, ready={"wk2": Ready(True, {}, kernel)})
        assert [text[0] for text, _, _ in lines(report, everything=False)] == ["✘", "!", "?"]

    def test_twelve_nodes_fit_into_80_columns(self):
        brain = federation(workers=10)
        columns, rows = matrix(told_of(everything(brain), brain), 80)
        assert len(rows) == 12
        assert max(sum(len(column) + 2 for column in columns), len(LEGEND)) <= 80

    def test_of_more_nodes_only_those_with_something_amiss_are_in_the_table(self):
        brain = federation(workers=40)
        report = told_of(everything(brain, but=[("wk33", "wk7", "7946/udp")]), brain)
        assert self.table(report) == [["FROM", "wk7", "wk33"], ["wk7", "·", "✔"], ["wk33", "✘", "·"]]

    def test_a_machine_that_is_refused_is_told_with_its_own_exit_code(self):
        err = TrustRefused("its host key is not the confirmed one", node="wk1", hint="Call its administrator.")
        report = told_of(everything(), failed={"wk1": err})
        assert report.exit_code() == 3
        assert "✘ wk1: host key: its host key is not the confirmed one" in {
            t for t, _, _ in lines(report, everything=False)
        }

    def test_the_document_has_the_same_facts_a_row_a_way(self):
        report = told_of(everything(but=[("ms", "wk1", "7946/udp")]))
        told = as_json(BRAIN, "mip-salt check", report)
        (shut,) = [way for way in told["ways"] if way["level"] == "fail"]
        assert (shut["from"], shut["to"], shut["way"], shut["kind"]) == ("ms", "wk1", "7946/udp", "silence")
        assert [node["id"] for node in told["nodes"]] == IDS
        assert {node["kind"] for node in told["nodes"]} == {"ok"}


class TestBeforeWorkersJoin:
    """What apply asks once workers must join a swarm."""

    def obstacles(self, monkeypatch, tmp_path, attempts, **about):
        run = tried(attempts, **about)
        monkeypatch.setattr(report_module, "try_ways", lambda *_, **__: run)
        return obstacles(Folder(tmp_path), BRAIN, ["wk1", "wk2"])

    def test_a_way_to_or_from_the_master_that_is_shut_keeps_that_worker_out(self, monkeypatch, tmp_path):
        shut = ("ms", "wk1", "7946/udp")
        found = self.obstacles(monkeypatch, tmp_path, everything(but=[shut]))
        assert list(found) == ["wk1"]
        assert "ms → wk1: 7946/udp: nothing arrives" in found["wk1"].message
        assert found["wk1"].hint.endswith("mip-salt -f brain check --node wk1")

    def test_one_between_two_workers_keeps_none_out(self, monkeypatch, tmp_path):
        assert self.obstacles(monkeypatch, tmp_path, everything(but=[("wk1", "wk2", "7946/udp")])) == {}

    def test_a_kernel_that_cannot_keeps_its_node_out(self, monkeypatch, tmp_path):
        ready = {"wk2": Ready(True, {}, {**NOTHING_MISSING, "esp": "Protocol not supported"})}
        found = self.obstacles(monkeypatch, tmp_path, everything(), ready=ready)
        assert list(found) == ["wk2"]
        assert "Protocol not supported" in found["wk2"].message

    def test_what_is_unknown_is_no_obstacle(self, monkeypatch, tmp_path):
        ready = {"wk2": Ready(True, {}, {**NOTHING_MISSING, "esp": "? no unshare"})}
        assert self.obstacles(monkeypatch, tmp_path, everything(), ready=ready) == {}

"""The preflight: what must get through, what the trials mean, and how it is told in 80 columns."""

import itertools

import pytest
from mip_salt.commands.check_view import LEGEND, as_json, lines, matrix, summary
from mip_salt.errors import NodeFailed, TrustRefused
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.federation.seen import Sighting, now
from mip_salt.ssh.probe import Ready
from mip_salt.workflows.findings import Level
from mip_salt.workflows.firewall_request import firewall_request
from mip_salt.workflows.preflight import report as report_module
from mip_salt.workflows.preflight.attempts import Attempt
from mip_salt.workflows.preflight.judge import verdicts
from mip_salt.workflows.preflight.machines import machine
from mip_salt.workflows.preflight.needs import HEARING, JOINING, NETWORK, QUERIES, Need, needs, rounds
from mip_salt.workflows.preflight.report import obstacles, report_of
from mip_salt.workflows.preflight.run import Tried

NOTHING_MISSING = {"vxlan": "", "esp": "", "ipvs": ""}


def federation(workers=2, **changes):
    nodes = {
        "ms": {"role": "master", "address": "10.0.0.11", "hostname": "brain-ms"},
        "ui": {"role": "ui", "address": "10.0.0.12"},
        **{f"wk{n}": {"role": "worker", "address": f"10.0.0.{20 + n}"} for n in range(1, workers + 1)},
    }
    for name, change in changes.items():
        nodes[name] |= change
    return Federation.model_validate({"federation": "brain", "nodes": nodes})


BRAIN = federation()
IDS = BRAIN.ids()


def sighting(**changes):
    healthy = {
        "at": now(),
        "hostname": "brain-wk1",
        "os": "Debian GNU/Linux 12 (bookworm)",
        "arch": "x86_64",
        "cpus": 2,
        "memory": 1024,
        "python": "3.11.2",
        "sudo": "nopasswd",
        "engine": "running",
        "engine_version": "26.1.5",
        "skew": 0.0,
    }
    return Sighting(**{**healthy, **changes})


def tried(attempts=(), *, brain=BRAIN, failed=None, ready=None, **sightings):
    members = brain.ids()
    well = {name: Ready(True, {}, NOTHING_MISSING) for name in members if name not in (failed or {})}
    return Tried(members, members, sightings, {**well, **(ready or {})}, failed or {}, list(attempts), 1.25)


def judged(attempt, **about):
    (found,) = verdicts(BRAIN, tried([attempt], **about))
    return found


def arrived(source, target, way, **more):
    address = BRAIN.nodes[source].address
    return Attempt(Need(source, target, way), source=address, arrived=more.pop("arrived", 100), **more)


def silent(source, target, way=HEARING, **more):
    return Attempt(Need(source, target, way), **more)


def told_of(attempts, brain=BRAIN, **about):
    return report_of(brain, tried(attempts, brain=brain, **about))


class TestWhatMustGetThrough:
    """The contract with the firewalls (facts/incumbent.md 2)."""

    @pytest.mark.parametrize(
        ("source", "target", "ways"),
        [
            ("wk1", "ms", ["2377/tcp", "7946/tcp", "7946/udp", "4789/udp", "ESP"]),
            ("ms", "wk1", ["7946/tcp", "7946/udp", "4789/udp", "ESP"]),
            ("wk1", "wk2", ["7946/tcp", "7946/udp", "4789/udp", "ESP"]),
            ("ui", "ms", ["9090/tcp"]),
            ("ms", "ui", []),
            ("ui", "wk1", []),
            ("wk1", "ui", []),
        ],
    )
    def test_each_pair_needs_what_its_roles_need(self, source, target, ways):
        found = [need.way.name for need in needs(BRAIN, IDS, IDS) if (need.source, need.target) == (source, target)]
        assert found == ways

    def test_with_nodes_chosen_only_what_goes_to_or_from_them(self):
        found = {(need.source, need.target) for need in needs(BRAIN, ["wk2"], IDS)}
        assert found == {("wk2", "ms"), ("ms", "wk2"), ("wk2", "wk1"), ("wk1", "wk2")}

    @pytest.mark.parametrize("width", [1, 2, 16])
    def test_in_a_round_a_node_sends_to_so_many_others_and_hears_from_as_many(self, width):
        brain = federation(workers=11)
        wanted = needs(brain, brain.ids(), brain.ids())
        found = rounds(wanted, brain.ids(), width)
        assert sorted(map(repr, itertools.chain(*found))) == sorted(map(repr, wanted))  # all of it, once
        for each in found:
            pairs = {(need.source, need.target) for need in each}
            for name in brain.ids():
                assert sum(source == name for source, _ in pairs) <= width
                assert sum(target == name for _, target in pairs) <= width

    def test_a_small_federation_takes_one_round(self):
        brain = federation(workers=8)
        assert len(rounds(needs(brain, brain.ids(), brain.ids()), brain.ids(), 16)) == 1


class TestWhatItMeans:
    """One trial, one verdict."""

    def test_what_arrived_is_open(self):
        found = judged(arrived("wk1", "ms", HEARING))
        assert (found.level, found.kind, found.way) == (Level.OK, "open", "7946/udp")

    def test_a_port_that_its_service_holds_and_that_answers_is_open(self):
        found = judged(silent("wk1", "ms", JOINING, held="dockerd", outcome="connected"))
        assert (found.level, found.said, found.held) == (Level.OK, "answered by dockerd", "dockerd")

    def test_a_port_that_answers_while_the_probe_hears_nothing_is_answered_by_another(self):
        assert judged(silent("wk1", "ms", JOINING, outcome="connected")).level is Level.WARN
        assert judged(silent("ui", "ms", QUERIES, outcome="connected")).level is Level.OK  # a container's port

    @pytest.mark.parametrize(
        ("outcome", "says"),
        [
            (None, "nothing arrives"),
            ("refused", "refused by a firewall, or by another machine at wk1's address"),
            ("no-route", "no way there (10.0.0.21)"),
            ("own-firewall", "ms's own firewall"),
            ("unresolved", "ms does not know the name"),
        ],
    )
    def test_each_way_to_fail_says_what_it_is_and_what_to_do(self, outcome, says):
        found = judged(silent("ms", "wk1", outcome=outcome))
        assert found.level is Level.FAIL
        assert says in found.said
        assert found.remedy

    def test_what_does_not_arrive_asks_for_the_firewall_request(self):
        assert judged(silent("ms", "wk1")).remedy.endswith("mip-salt -f brain check --request wk1")

    def test_an_arrival_from_another_address_tells_of_a_translation(self):
        attempt = arrived("wk1", "ms", HEARING)
        attempt.source = "192.0.2.1"
        found = judged(attempt)
        assert (found.level, found.kind) == (Level.WARN, "translated")
        assert "192.0.2.1 instead of wk1's own 10.0.0.21" in found.said

    def test_a_node_that_took_no_part_leaves_its_ways_unknown(self):
        err = TrustRefused("another machine", node="ms", hint="Look.")
        found = judged(silent("wk1", "ms"), failed={"ms": err})
        assert (found.level, found.said) == (Level.UNKNOWN, "not tried: ms took no part")

    def test_a_node_without_raw_sockets_leaves_datagrams_unknown(self):
        assert judged(silent("wk1", "ms", outcome="unseen")).level is Level.UNKNOWN

    @pytest.mark.parametrize(
        ("whole", "parts", "level", "says"),
        [
            (1500, 0, Level.OK, "arrive whole"),
            (1450, 1500, Level.WARN, "packets of 1450 bytes arrive, larger do not, except in fragments"),
            (1450, 0, Level.FAIL, "packets of 1450 bytes arrive, larger do not, and fragments neither"),
            (0, 0, Level.FAIL, "no large packet arrives"),
        ],
    )
    def test_how_large_a_packet_gets_through(self, whole, parts, level, says):
        attempts = [
            arrived("wk1", "ms", NETWORK),
            arrived("wk1", "ms", NETWORK, size=1500, whole=True, arrived=whole),
            arrived("wk1", "ms", NETWORK, size=1500, arrived=parts),
        ]
        size = next(way for way in verdicts(BRAIN, tried(attempts)) if way.way == "MTU 1500")
        assert (size.level, says in size.said) == (level, True)

    def test_where_nothing_gets_through_no_size_is_told(self):
        attempts = [silent("wk1", "ms", NETWORK), silent("wk1", "ms", NETWORK, size=1500, whole=True)]
        assert [way.way for way in verdicts(BRAIN, tried(attempts))] == ["4789/udp"]


class TestEachMachine:
    """What is found of a node by itself."""

    def found(self, name, what, **about):
        return [each for each in machine(BRAIN, tried(**about), name) if each.what == what]

    def ready(self, **changes):
        return Ready(**{"raw": True, "held": {}, "kernel": NOTHING_MISSING, **changes})

    @pytest.mark.parametrize(("name", "level"), [("ms", Level.FAIL), ("wk1", Level.FAIL), ("ui", Level.WARN)])
    def test_a_hostname_with_dots_fails_where_the_swarm_takes_it_for_a_name(self, name, level):
        (found,) = self.found(name, "hostname", **{name: sighting(hostname="a.example.org")})
        assert found.level is level

    def test_an_old_engine_and_a_wrong_clock_are_told(self):
        (engine,) = self.found("ms", "engine", ms=sighting(engine_version="20.10.5"))
        (clock,) = self.found("ms", "clock", ms=sighting(skew=90.0))
        assert (engine.level, clock.level) == (Level.WARN, Level.FAIL)

    @pytest.mark.parametrize(
        ("place", "who", "level"),
        [
            ("7946/udp", "dockerd", Level.OK),
            ("4789/udp", "kernel", Level.OK),
            ("9090/tcp", "docker-proxy", Level.OK),
            ("7946/tcp", "nginx", Level.FAIL),
            ("9090/tcp", "prometheus", Level.FAIL),
            ("2377/tcp", "", Level.UNKNOWN),
        ],
    )
    def test_a_port_may_be_held_by_the_engine_and_by_no_other(self, place, who, level):
        held = self.found("ms", "ports", ready={"ms": self.ready(held={place: who})})[0]
        assert (held.level, place in held.said) == (level, True)

    def test_the_front_ends_ports_are_looked_at_on_the_ui_alone(self):
        assert "443/tcp free" in self.found("ui", "ports")[0].said
        assert "443" not in self.found("ms", "ports")[0].said

    @pytest.mark.parametrize("feature", ["vxlan", "esp", "ipvs"])
    def test_a_kernel_that_lacks_something_fails_before_the_swarm_does(self, feature):
        kernel = {**NOTHING_MISSING, feature: "Protocol not supported"}
        first = self.found("wk1", "kernel", ready={"wk1": self.ready(kernel=kernel)})[0]
        assert first.level is Level.FAIL
        assert "Protocol not supported" in first.said
        assert first.remedy

    def test_what_could_not_be_tried_is_unknown(self):
        kernel = {**NOTHING_MISSING, "esp": "? unshare: Operation not permitted"}
        first = self.found("wk1", "kernel", ready={"wk1": self.ready(kernel=kernel)})[0]
        assert (first.level, "Operation not permitted" in first.said) == (Level.UNKNOWN, True)

    def test_the_ui_is_no_member_of_the_swarm(self):
        assert self.found("ui", "kernel", ready={"ui": self.ready(kernel={**NOTHING_MISSING, "esp": "none"})}) == []

    def test_why_a_probe_failed_is_not_told_twice(self):
        failed = {"ms": NodeFailed("sudo: a password is required", node="ms", hint="…")}
        found = machine(BRAIN, tried(failed=failed, ms=sighting(sudo="password")), "ms")
        assert [each.what for each in found if each.level is Level.FAIL] == ["sudo"]


class TestHowItIsTold:
    """A matrix, then what is not well: the worst first, the alike together."""

    def everything(self, brain=BRAIN, but=()):
        shut = set(but)
        return [
            silent(need.source, need.target, need.way)
            if (need.source, need.target, need.way.name) in shut
            else Attempt(need, source=brain.nodes[need.source].address, arrived=100)
            for need in needs(brain, brain.ids(), brain.ids())
        ]

    def table(self, report, width=80):
        columns, rows = matrix(report, width)
        return [list(columns), *([cell if isinstance(cell, str) else cell[0] for cell in row] for row in rows)]

    def test_one_way_that_is_shut_is_one_cross_and_one_line(self):
        report = told_of(self.everything(but=[("ms", "wk1", "7946/udp")]))
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
        report = told_of(self.everything())
        assert list(lines(report, everything=False)) == []
        assert report.exit_code() == 0
        assert summary(report).endswith("tried in 1.2 s; none shut.")

    def test_ways_that_are_alike_are_told_together(self):
        shut = [(source, "wk1", way) for source in ("ms", "wk2") for way in ("7946/udp", "4789/udp")]
        (group,) = told_of(self.everything(but=shut)).groups()
        assert group.words == "ms, wk2 → wk1: 7946/udp, 4789/udp: nothing arrives"

    def test_a_sender_whom_nobody_hears_is_told_once(self):
        shut = [("wk1", target, "7946/udp") for target in ("ms", "wk2")]
        assert [group.words for group in told_of(self.everything(but=shut)).groups()] == [
            "wk1 → ms, wk2: 7946/udp: nothing arrives"
        ]

    def test_no_two_ways_are_told_as_one_that_was_not_tried(self):
        shut = [("ms", "wk1", "7946/udp"), ("wk1", "wk2", "7946/udp")]
        told = {group.words for group in told_of(self.everything(but=shut)).groups()}
        assert told == {"ms → wk1: 7946/udp: nothing arrives", "wk1 → wk2: 7946/udp: nothing arrives"}

    def test_failures_come_before_warnings_and_both_before_what_is_unknown(self):
        attempts = self.everything(but=[("ms", "wk1", "7946/udp")])
        translated = next(each for each in attempts if each.need.source == "wk2" and each.need.way == HEARING)
        translated.source = "192.0.2.1"
        kernel = {**NOTHING_MISSING, "esp": "? no unshare"}
        report = told_of(attempts, ready={"wk2": Ready(True, {}, kernel)})
        assert [text[0] for text, _, _ in lines(report, everything=False)] == ["✘", "!", "?"]

    def test_twelve_nodes_fit_into_80_columns(self):
        brain = federation(workers=10)
        columns, rows = matrix(told_of(self.everything(brain), brain), 80)
        assert len(rows) == 12
        assert max(sum(len(column) + 2 for column in columns), len(LEGEND)) <= 80

    def test_of_more_nodes_only_those_with_something_amiss_are_in_the_table(self):
        brain = federation(workers=40)
        report = told_of(self.everything(brain, but=[("wk33", "wk7", "7946/udp")]), brain)
        assert self.table(report) == [["FROM", "wk7", "wk33"], ["wk7", "·", "✔"], ["wk33", "✘", "·"]]

    def test_a_machine_that_is_refused_is_told_with_its_own_exit_code(self):
        err = TrustRefused("its host key is not the confirmed one", node="wk1", hint="Call its administrator.")
        report = told_of(self.everything(), failed={"wk1": err})
        assert report.exit_code() == 3
        assert "✘ wk1: host key: its host key is not the confirmed one" in {
            t for t, _, _ in lines(report, everything=False)
        }

    def test_the_document_has_the_same_facts_a_row_a_way(self):
        report = told_of(self.everything(but=[("ms", "wk1", "7946/udp")]))
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

    def everything(self, *shut):
        return TestHowItIsTold().everything(but=shut)

    def test_a_way_to_or_from_the_master_that_is_shut_keeps_that_worker_out(self, monkeypatch, tmp_path):
        shut = ("ms", "wk1", "7946/udp")
        found = self.obstacles(monkeypatch, tmp_path, self.everything(shut))
        assert list(found) == ["wk1"]
        assert "ms → wk1: 7946/udp: nothing arrives" in found["wk1"].message
        assert found["wk1"].hint.endswith("mip-salt -f brain check --node wk1")

    def test_one_between_two_workers_keeps_none_out(self, monkeypatch, tmp_path):
        assert self.obstacles(monkeypatch, tmp_path, self.everything(("wk1", "wk2", "7946/udp"))) == {}

    def test_a_kernel_that_cannot_keeps_its_node_out(self, monkeypatch, tmp_path):
        ready = {"wk2": Ready(True, {}, {**NOTHING_MISSING, "esp": "Protocol not supported"})}
        found = self.obstacles(monkeypatch, tmp_path, self.everything(), ready=ready)
        assert list(found) == ["wk2"]
        assert "Protocol not supported" in found["wk2"].message

    def test_what_is_unknown_is_no_obstacle(self, monkeypatch, tmp_path):
        ready = {"wk2": Ready(True, {}, {**NOTHING_MISSING, "esp": "? no unshare"})}
        assert self.obstacles(monkeypatch, tmp_path, self.everything(), ready=ready) == {}


class TestTheFirewallRequest:
    """What a hospital sends to its network team."""

    def rows(self, text, part):
        table = text.partition(f"## {part}.")[2].partition("\n## ")[0]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines() if row[:1] == "|"][
            2:
        ]

    def test_a_worker_is_reached_and_reaches_the_swarm(self):
        text = firewall_request(BRAIN, "wk1")
        incoming, outgoing = self.rows(text, 1), self.rows(text, 2)
        assert [row[:3] for row in incoming[1:]] == [
            ["TCP", "7946", "ms, wk2"],
            ["UDP", "7946", "ms, wk2"],
            ["UDP", "4789", "ms, wk2"],
            ["ESP", "none: IP's 50", "ms, wk2"],
        ]
        assert outgoing[0][:3] == ["TCP", "2377", "ms"]
        assert "    ms     master  10.0.0.11" in text
        assert "    ui " not in text  # they never talk

    def test_the_ui_asks_for_its_users_and_for_its_way_to_the_master(self):
        text = firewall_request(BRAIN, "ui")
        assert ["TCP", "80, 443", "its users", "the web front end"] in self.rows(text, 1)
        assert self.rows(text, 2)[0][:3] == ["TCP", "9090", "ms"]
        assert "ESP" not in text

    def test_the_other_ends_request_says_the_same(self):
        for one, other in itertools.permutations(IDS, 2):
            out = {tuple(row[:2]) for row in self.rows(firewall_request(BRAIN, one), 2) if other in row[2].split(", ")}
            into = {tuple(row[:2]) for row in self.rows(firewall_request(BRAIN, other), 1) if one in row[2].split(", ")}
            assert out == into

    def test_a_disabled_node_is_in_it_all_the_same(self):
        assert "wk2" in firewall_request(federation(wk2={"enabled": False}), "wk1")

    def test_behind_a_bastion_ssh_comes_from_there(self):
        assert self.rows(firewall_request(federation(wk2={"bastion": "wk1"}), "wk2"), 1)[0][2] == "wk1"

    @pytest.mark.parametrize("name", IDS)
    def test_it_fits_on_paper(self, name):
        assert max(map(len, firewall_request(BRAIN, name).splitlines())) <= 80

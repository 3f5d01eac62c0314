"""The preflight: what must get through, and what the trials mean."""

import itertools

import pytest
from mip_salt.errors import NodeFailed, TrustRefused
from mip_salt.ssh.probe import Ready
from mip_salt.workflows.findings import Level
from mip_salt.workflows.preflight.judge import verdicts
from mip_salt.workflows.preflight.machines import machine
from mip_salt.workflows.preflight.needs import HEARING, JOINING, NETWORK, QUERIES, needs, rounds
from unit.preflights import BRAIN, IDS, NOTHING_MISSING, arrived, federation, sighting, silent, tried


def judged(attempt, **about):
    (found,) = verdicts(BRAIN, tried([attempt], **about))
    return found


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

    def test_a_way_that_is_narrower_is_answered_with_the_setting_for_it(self):
        attempts = [
            arrived("wk1", "ms", NETWORK),
            arrived("wk1", "ms", NETWORK, size=1500, whole=True, arrived=1420),
            arrived("wk1", "ms", NETWORK, size=1500),
        ]
        size = next(way for way in verdicts(BRAIN, tried(attempts)) if way.way == "MTU 1500")
        assert "settings: {swarm: {mtu: 1420}}" in size.remedy

    def test_the_size_that_was_set_is_the_one_that_must_get_through(self):
        attempts = [
            arrived("wk1", "ms", NETWORK),
            arrived("wk1", "ms", NETWORK, size=1400, whole=True, arrived=1400),
            arrived("wk1", "ms", NETWORK, size=1400, arrived=1400),
        ]
        size = next(way for way in verdicts(BRAIN, tried(attempts)) if way.way.startswith("MTU"))
        assert (size.way, size.level, size.said) == ("MTU 1400", Level.OK, "packets of 1400 bytes arrive whole")

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

    def test_a_probe_that_fails_on_a_node_that_let_us_in_is_no_matter_of_its_login(self):
        failed = {"ms": NodeFailed("its probe said what no probe says: '{'", node="ms", hint="Look at it by hand.")}
        (found,) = [each for each in machine(BRAIN, tried(failed=failed), "ms") if each.level is Level.FAIL]
        assert (found.what, found.kind, found.remedy) == ("probe", "failed", "Look at it by hand.")

"""The page that a hospital sends to its network team."""

import itertools

import pytest
from mip_salt.workflows.firewall_request import firewall_request
from unit.preflights import BRAIN, IDS, federation


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

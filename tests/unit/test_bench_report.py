"""`make bench`: what its figures say of the goals, and how it writes them down."""

import pytest
from bench.goals import A_FURTHER_NODE, A_NODE, FEW, GOALS, MANY, OURS, Goal, figure, judge
from bench.measure import Cost
from bench.report import HELD, NOBODY_SAID, Run, goal_rows, held_in, page, tables
from bench.works import MEANINGS, TRUE, TRUE_AGAIN

MB = 1_000_000


def cost(wall, push=1.0, node=1.0, memory=50 * MB):
    return Cost(wall, push, node, memory)


def verdict(goal, costs):
    return judge(costs, [goal])[0]


@pytest.mark.parametrize(("ours", "met"), [(2.4, True), (2.5, True), (2.6, False)])
def test_a_goal_is_met_up_to_its_limit(ours, met):
    costs = {(FEW, OURS, TRUE): [cost(ours)], (FEW, "salt-ssh", TRUE): [cost(10.0)]}
    assert verdict(Goal(TRUE, "salt-ssh", "wall", 0.25), costs).met is met


def test_medians_are_compared_so_that_one_disturbed_run_decides_nothing():
    costs = {
        (FEW, OURS, TRUE): [cost(1.0), cost(1.0), cost(90.0)],
        (FEW, "pyinfra", TRUE): [cost(2.0), cost(2.0), cost(0.1)],
    }
    assert verdict(Goal(TRUE, "pyinfra", "wall", 0.75), costs).value == pytest.approx(0.5)


def test_cpu_is_that_of_the_pusher_and_of_the_nodes_together():
    costs = {(FEW, OURS, TRUE): [cost(9, push=1, node=2)], (FEW, "pyinfra", TRUE): [cost(1, push=2, node=4)]}
    assert verdict(Goal(TRUE, "pyinfra", "cpu", 1.2), costs).value == pytest.approx(0.5)


def test_a_goal_may_compare_with_another_work_of_the_peer():
    costs = {(FEW, OURS, TRUE_AGAIN): [cost(0.3)], (FEW, "pyinfra", TRUE): [cost(3.0)]}
    assert verdict(Goal(TRUE_AGAIN, "pyinfra", "wall", 0.15, theirs=TRUE), costs).met is True


def test_a_figure_a_node_is_the_whole_by_the_number_of_nodes():
    costs = {(MANY, OURS, TRUE): [cost(9, push=3.0)]}
    assert verdict(Goal(TRUE, A_NODE, "push", 0.12, MANY), costs).value == pytest.approx(0.1)


def test_a_further_node_costs_what_was_added_since_the_few():
    costs = {(FEW, OURS, TRUE): [cost(1, memory=50 * MB)], (MANY, OURS, TRUE): [cost(1, memory=77 * MB)]}
    assert verdict(Goal(TRUE, A_FURTHER_NODE, "memory", 1.5, MANY), costs).value == pytest.approx(1.0)


@pytest.mark.parametrize("missing", [OURS, "salt-ssh"])
def test_without_both_sides_nobody_says_that_a_goal_is_met(missing):
    costs = {(FEW, OURS, TRUE): [cost(1.0)], (FEW, "salt-ssh", TRUE): [cost(10.0)]}
    del costs[FEW, missing, TRUE]
    assert verdict(Goal(TRUE, "salt-ssh", "wall", 0.25), costs).met is None


def test_what_was_not_counted_in_every_run_has_no_figure():
    assert figure([cost(1.0, node=2.0), cost(1.0, node=None)], "node") is None
    assert figure([cost(1.0, memory=0)], "memory") is None
    assert figure([], "wall") is None


def test_every_goal_is_about_a_work_that_is_measured():
    assert {goal.work for goal in GOALS} | {goal.theirs for goal in GOALS if goal.theirs} <= set(MEANINGS)


def test_a_table_tells_the_median_and_how_far_the_runs_lie_apart():
    ((title, rows),) = tables({(FEW, OURS, TRUE): [cost(1.0), cost(3.0), cost(2.0)]})
    assert title == "3 nodes: 10 states true"
    assert rows == [(OURS, "2.00", "1.00", "3.00", "1.00", "1.00", "50.0")]


def run_of(costs, failures=()):
    return Run("2026-01-31", "2 CPUs", 3, {FEW: "booted"}, {OURS: "mip-salt 1.0"}, costs, failures)


def test_the_page_counts_only_goals_that_were_measured():
    costs = {(FEW, OURS, TRUE): [cost(3.0)], (FEW, "salt-ssh", TRUE): [cost(10.0)]}
    text = page(run_of(costs), held="")
    # Wall 0.3 is above 0.25, CPU 1.0 is above 0.35.
    assert "0 of 2 measured goals are met" in text
    assert "| 3 | 10 states true | wall / salt-ssh's | 0.25 | 0.30 | no |" in text
    assert list({row[-1] for row in goal_rows(judge({}))}) == ["not measured"]


def test_the_page_says_who_did_not_do_the_work_without_its_whole_output():
    text = page(run_of({}, ["3 nodes, ping, ansible: exit 2\nTraceback"]), held="")
    assert "- 3 nodes, ping, ansible: exit 2\n" in text
    assert "Traceback" not in text


def test_what_an_engineer_wrote_of_unmet_goals_outlives_the_next_run(tmp_path):
    where = tmp_path / "benchmarks.md"
    assert held_in(where) == ""
    where.write_text(page(run_of({}), held_in(where)))
    assert NOBODY_SAID in where.read_text()
    where.write_text(where.read_text().replace(NOBODY_SAID, "Importing Salt on the node: 0.3 s.\n\nSee the profile."))
    again = page(run_of({}), held_in(where))
    assert again.partition(HELD)[2].strip() == "Importing Salt on the node: 0.3 s.\n\nSee the profile."

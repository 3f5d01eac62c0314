"""Jobs for nodes are done in processes of their own: so many at once, and each alone with what it was given."""

import os
import selectors
import signal

import pytest
from mip_salt.remote.compilers import Compilers
from waiting import until


class Crew:
    """Compilers, and the loop that hears them."""

    def __init__(self, folder):
        self.selector = selectors.DefaultSelector()
        self.compilers = Compilers(self.selector, tmp=folder, log=folder / "log")
        self.made, self.asked, self.tasks = {}, [], {}

    def begin(self, name, job):
        def hear(what, said):
            if what == "made":
                self.made[name] = said
                self.compilers.end(self.tasks[name])
            else:
                self.asked.append((name, said))

        self.tasks[name] = self.compilers.begin(job, hear)

    def loop(self, done):
        def go_on():
            self.compilers.go_on()
            for key, _ in self.selector.select(0.05):
                key.data.pump()
            return done()

        assert until(go_on)

    def working(self):
        return [name for name, task in self.tasks.items() if task.worker]


@pytest.fixture
def crew(tmp_path):
    made = Crew(tmp_path)
    yield made
    for task in made.tasks.values():
        made.compilers.end(task)
    made.compilers.close()
    made.selector.close()


def test_all_jobs_are_done_though_few_are_at_work_at_once(crew):
    most = len(os.sched_getaffinity(0))
    for number in range(most + 3):
        crew.begin(number, lambda _, number=number: number)
        crew.compilers.go_on()
        assert len(crew.working()) <= most
    crew.loop(lambda: len(crew.made) == most + 3)
    assert crew.made == {number: number for number in range(most + 3)}


def test_nothing_that_one_job_leaves_behind_is_seen_by_the_next(crew):
    seen = []

    def job(_):
        seen.append("secret of another node")
        os.environ["LEFT"] = "secret"
        return len(seen), os.environ.get("LEFT")

    for number in range(4):
        crew.begin(number, job)
    crew.loop(lambda: len(crew.made) == 4)
    assert set(map(tuple, crew.made.values())) == {(1, "secret")}
    assert (seen, os.environ.get("LEFT")) == ([], None)


def test_one_that_dies_costs_only_itself_and_leaves_its_place(crew):
    most = len(os.sched_getaffinity(0))
    for number in range(most):
        crew.begin(f"dies{number}", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    crew.begin("well", lambda _: "well")
    crew.loop(lambda: len(crew.made) == most + 1)
    assert crew.made["well"] == "well"
    assert crew.made["dies0"] == {"silent": "its worker ended without an answer"}


def test_one_that_is_given_up_makes_room_whether_it_was_at_work_or_waiting(crew):
    most = len(os.sched_getaffinity(0))
    for number in range(most + 1):
        crew.begin(number, lambda _: signal.pause())
    crew.begin("last", lambda _: "done")
    crew.compilers.go_on()
    for number in range(most, -1, -1):
        crew.compilers.end(crew.tasks[number])
    crew.loop(lambda: crew.made)
    assert crew.made == {"last": "done"}


def test_a_job_asks_its_node_through_us(crew):
    crew.begin("wk1", lambda desk: desk.ask({"function": "test.ping"}))
    crew.loop(lambda: crew.asked)
    assert crew.asked == [("wk1", {"function": "test.ping"})]
    crew.tasks["wk1"].answer({"return": True})
    crew.loop(lambda: crew.made)
    assert crew.made == {"wk1": {"return": True}}


def test_nobody_waits_for_a_process_to_end_and_none_is_left_at_the_end(crew):
    crew.begin("ends", lambda _: "done")
    crew.begin("given up", lambda _: signal.pause())
    crew.compilers.go_on()
    pids = [task.worker.pid for task in crew.tasks.values()]
    crew.loop(lambda: crew.made)
    crew.compilers.end(crew.tasks["given up"])
    crew.compilers.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

"""A worker is bounded in memory and answer, and ends with everything it started."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from mip_salt.remote.processes import descendants
from mip_salt.remote.worker import MAX_ANSWER, Silent, Worker
from waiting import until


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def start(tmp_path):
    workers = []

    def start(job):
        workers.append(Worker(job, tmp=tmp_path, log=tmp_path / "log"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.end()


def answer(worker):
    assert until(lambda: worker.wait(0.05))
    return worker.answer()


def test_an_answer_comes_back_as_data(start):
    assert answer(start(lambda _: {"a": [1, None, "é\u202e"]})) == {"a": [1, None, "é\u202e"]}


def test_a_false_answer_is_an_answer(start):
    assert answer(start(lambda _: False)) is False


def test_a_worker_that_dies_leaves_no_answer(start):
    worker = start(lambda _: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(Silent, match="ended without an answer"):
        answer(worker)


def test_an_error_is_told_by_its_kind_never_by_its_words(start, tmp_path):
    def job(_):
        raise ValueError("".join(["SEC", "RET"]))

    assert answer(start(job)) == {"silent": "its worker failed (ValueError)"}
    assert "SECRET" not in (tmp_path / "log").read_text()
    assert "in job" in (tmp_path / "log").read_text()


def test_an_exit_in_a_worker_ends_only_the_worker(start):
    assert answer(start(lambda _: sys.exit(0))) == {"silent": "its worker failed (SystemExit)"}


def test_an_answer_too_long_is_told_as_such(start):
    assert answer(start(lambda _: "x" * MAX_ANSWER)) == {"silent": "it answered with more than 16 MiB"}


def test_an_answer_just_short_enough_arrives_whole(start):
    assert len(answer(start(lambda _: "x" * (MAX_ANSWER - 2)))) == MAX_ANSWER - 2


def test_memory_is_bounded(start):
    assert "too large for the memory" in answer(start(lambda _: len(b"x" * (3 << 30))))["silent"]


def test_bytes_come_back_as_they_are(start):
    assert answer(start(lambda _: b"\x00\xff" * MAX_ANSWER)) == b"\x00\xff" * MAX_ANSWER


def test_a_job_asks_and_goes_on_with_what_it_is_told(start):
    worker = start(lambda desk: [desk.ask({"first": 1}), desk.ask("second")])
    for question, told in (({"first": 1}, {"a": "é"}), ("second", "x" * (1 << 20))):
        assert until(lambda: worker.wait(0.05) or worker.asked)
        assert worker.asked.pop(0) == question
        worker.tell(told)
    assert answer(worker) == [{"a": "é"}, "x" * (1 << 20)]


def test_a_job_tells_something_and_goes_on_without_an_answer(start):
    def job(desk):
        desk.tell(["é", 1])
        desk.tell("x" * (1 << 20))
        return "done"

    worker = start(job)
    assert answer(worker) == "done"
    assert worker.told == [["é", 1], "x" * (1 << 20)]


def test_a_job_that_nobody_answers_any_more_ends(start):
    worker = start(lambda desk: desk.ask("anybody?"))
    assert until(lambda: worker.wait(0.05) or worker.asked)
    worker.end()
    assert not runs(worker.pid)


def test_ending_a_worker_ends_all_it_started_even_in_other_sessions(start):
    def job(_):
        subprocess.Popen(["setsid", "sh", "-c", "sleep 60 & sleep 61; :"], start_new_session=True)
        subprocess.run(["sleep", "62"], check=False)

    worker = start(job)
    assert until(lambda: len(descendants(worker.pid)) >= 4)
    below = [pid for pid, _ in descendants(worker.pid)]
    worker.end()
    assert until(lambda: not any(map(runs, [worker.pid, *below])), 2)


def test_ending_a_worker_ends_one_that_forks_without_end(start):
    worker = start(lambda _: subprocess.run(["sh", "-c", "while :; do setsid sleep 63 & done"], check=False))
    assert until(lambda: len(descendants(worker.pid)) > 20)
    below = [pid for pid, _ in descendants(worker.pid)]
    worker.end()
    assert until(lambda: not any(map(runs, [worker.pid, *below])), 2)
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and command(pid) == ["sleep", "63"]]


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def test_ending_a_worker_ends_nobody_else(start):
    other = subprocess.Popen(["sleep", "64"])
    try:
        start(lambda _: time.sleep(30)).end()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_worker_that_has_answered_leaves_nothing_running(start):
    def job(_):
        return subprocess.Popen(["setsid", "sleep", "65"], stdout=subprocess.DEVNULL).pid

    child = answer(start(job))
    assert until(lambda: not runs(child), 2)


def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    script = (
        "import subprocess, sys, time; from pathlib import Path; from mip_salt.remote.worker import Worker\n"
        f"tmp = Path({str(tmp_path)!r})\n"
        "def job(_):\n"
        "    child = subprocess.Popen(['setsid', 'sleep', '66'])\n"
        "    (tmp / 'pid').write_text(str(child.pid))\n"
        "    time.sleep(66)\n"
        "Worker(job, tmp=tmp, log=tmp / 'log'); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        assert until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        below = [pid for pid, _ in descendants(parent.pid)]
    finally:
        parent.kill()
        parent.wait()
    assert len(below) == 2
    assert until(lambda: not any(map(runs, below)))


def test_nothing_of_a_worker_reaches_the_operators_terminal(start, capfd):
    def job(_):
        sys.stdout.write("out")
        sys.stderr.write("err")
        subprocess.run(["sh", "-c", "echo child; echo child >&2"], check=False)
        return os.isatty(0)

    assert answer(start(job)) is False
    assert capfd.readouterr() == ("", "")


def test_what_a_worker_writes_is_private_and_lies_in_its_own_folder(start, tmp_path):
    def job(_):
        file = tmp_path / "file"
        file.write_text("x")
        return file.stat().st_mode & 0o777, tempfile.gettempdir(), os.environ["TMPDIR"]

    assert answer(start(job)) == [0o600, str(tmp_path), str(tmp_path)]


def test_a_worker_does_not_hear_ctrl_c(start):
    worker = start(lambda _: [os.kill(os.getpid(), signal.SIGINT), "still here"][1])
    assert answer(worker) == "still here"


def test_a_signal_while_it_is_forked_off_is_heard_by_its_parent_alone_and_once_it_is_there(tmp_path):
    script = """
import os, signal, sys, time
from pathlib import Path
from mip_salt.interrupts import heed
from mip_salt.remote.worker import Worker
heed()
press = lambda: os.kill(os.getpid(), signal.SIGINT)
os.register_at_fork(after_in_parent=press, after_in_child=press)
class Kept(Worker):
    def __init__(self, *args, **kwargs):
        self.pid = 0
        made.append(self)
        super().__init__(*args, **kwargs)
made, here = [], Path(sys.argv[1])
try:
    Kept(lambda _: (time.sleep(0.2), (here / "done").touch())[1], tmp=here, log=here / "log")
    time.sleep(30)
except KeyboardInterrupt:
    print("stopped", made[0].pid > 0, flush=True)
os.waitpid(made[0].pid, 0)
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("stopped True\n", "")
    assert (tmp_path / "done").exists()


def test_an_ended_worker_is_ended_twice_without_harm(start):
    worker = start(lambda _: 1)
    worker.end()
    worker.end()
    assert not Path(f"/proc/{worker.pid}").exists()
